"""The folder that a pull request adds to a board: made of an archive, and held to it.

    layout.py             which files a folder may have, and how large each may be
    card.py, address.py   entry.toml, what the submitter writes
    record.py             cells.json: every cell with its interval, and what it was made with
    scores.py             scores.csv: every clip's numbers, and the cells that follow from them
    said.py               verification.json: what the submitter's own `verify` said
    clips.py              which samples every entry of a board shows, and small videos of them
    facts.py, make.py     an archive -> what stands in the folder
    add.py                `i2vbench leaderboard add`
    bring.py, check.py    `i2vbench leaderboard verify FOLDER`
    read.py               folders -> entries, for the pages

A folder has nothing that cannot be made of the archive again but for `entry.toml`, which is its submitter's word, and
`verification.json`, which is what the submitter's own `verify` said.
"""
