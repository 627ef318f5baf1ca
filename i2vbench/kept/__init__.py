"""What is kept over runs, so that no run makes again what another one has made.

`keys` says what decides the bytes of a group's measurements and of a batch's videos, as a hash of it all; nothing has
to be looked up that changed, and nothing is found that did. `entries` are the files in the cache folder: whole, or not
there. `measurements` keeps those of a group by one metric; `videos` keeps where those of a batch are.

Groups and batches are kept whole, because a network's rounding depends on what it is batched with: what is taken over
is what would have been made, to the byte.
"""
