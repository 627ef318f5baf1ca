"""A run as one archive, and what of such an archive can be held against itself and measured again.

    names.py, zip_layout.py, archive.py   the container: which members there are, and the bytes that they lie in
    strict_json.py, lines.py, arrays.py   what members hold: JSON, rows, features
    manifest.py                           what the archive says it holds
    reading.py, private.py, adapters.py, pack.py
                                          a run's folder -> an archive
    settings_check.py, records.py, restore.py
                                          an archive -> a store in a folder of ours
    compare.py, data_set.py               tables and plan against those that are made anew
    decoder.py, decode.py, tolerance.py   videos of strangers, and how near a number must come
    sampling.py, remeasure.py             measuring a sample again
    verify.py, report.py                  all of it, and what is said of it

The format is text and arrays of numbers on purpose, and no SQLite file goes in: a database file from a stranger is a
program for SQLite's parser (views, triggers and damaged pages included), and its bytes hang on the version that wrote
it. Lines of JSON can be read with anything, held to a schema line by line, and are the same bytes for the same run.
Members are stored and not compressed, so an archive can unpack to no more than its own size, and every byte of it is
accounted for.
"""
