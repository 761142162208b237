"""What every field means, as data: one table a file or tool, in the words that a learner reads.

A line of a table is `name | unit | sentence`; an indented line goes on with the one above; `@`
gives the source of what follows. A name with `*` stands for a family, and is looked up last.
"""
