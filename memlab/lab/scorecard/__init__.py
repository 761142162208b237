"""How good the verdict is: a draw of the bank runs blind, and is scored beside plain detectors."""
