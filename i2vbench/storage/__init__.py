"""A run at an address: `--out s3://bucket/run`, or whatever else fsspec has a file system for.

The one who directs a run works in a folder of this machine, its home, and keeps what is there at the address too;
workers put videos, pictures and features there, and nowhere else.

address   what an address may be, and where its home is
files     the files at one: whole or not there, tried again where the network fails
place     where workers write to and read from
lock      one machine at a time
home      the run brought here, and which of the two is newer
keeping   putting the home's files there while the run goes on

At the address lie a run's own files and folders, and
    state.json   which run it is, and how often it was put there: written last
    lock.json    who works on it
"""
