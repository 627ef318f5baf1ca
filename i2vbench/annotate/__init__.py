"""`i2vbench data annotate`: object and scene words for a data set of one's own.

    proposals.py          what the networks see in a clip, counted; how a proposer is asked
    networks.py           the proposer that looks through GRiT and Tag2Text
    rules.py              what a word may be, and what keeps one from ever matching
    store.py              proposals and rejections, beside metadata.csv
    background.py         proposing, clip by clip, while the page is in use
    session.py            clips, words and decisions: what the page asks for and does
    previews.py           a clip as browsers play it
    server.py, page.*     the local page
    command.py            the command from start to end

What a person accepts goes into metadata.csv through `i2vbench.datasets.words`, and nowhere else.
"""
