"""Explain pasted memory text: which file or tool it is from, each field, and what its value tells.

`fields` holds the words, `recognise.explain` is the way in; the other modules know one family
of formats each. Pure: text in, `Explanation` out.
"""
