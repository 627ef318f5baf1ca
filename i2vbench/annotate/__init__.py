"""`i2vbench data annotate`: prompts checked, and object and scene words, for a data set of one's own.

    proposals.py          what the networks see in a clip, counted; how a proposer is asked
    proposing.py          making proposals clip after clip, and keeping them: for the page, and without it
    networks.py           the proposer that looks through GRiT and Tag2Text
    rules.py              what a prompt and a word may be, and what a decision comes to
    store.py              proposals and rejections, beside metadata.csv
    background.py         the thread that proposes while the page is in use
    session.py            clips, annotations and decisions: what the page asks for and does
    previews.py           a clip as browsers play it
    server.py, page.*     the local page
    command.py            the command from start to end

What a person accepts goes into metadata.csv through `i2vbench.datasets.annotations`, and nowhere else.
"""
