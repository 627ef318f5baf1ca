"""The human study: a page on which people compare models' videos, and what their votes say.

Source: Appendix D and the right half of Table 1 of the paper.
"""
