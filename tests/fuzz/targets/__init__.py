"""What parses foreign data, each with valid data to begin with. A target returns or raises UserError; no more."""

from tests.fuzz.target import TARGETS as TARGETS
from tests.fuzz.targets import answers as answers
from tests.fuzz.targets import data_sets as data_sets
from tests.fuzz.targets import descriptions as descriptions
from tests.fuzz.targets import pictures as pictures
from tests.fuzz.targets import runs as runs
from tests.fuzz.targets import studies as studies
from tests.fuzz.targets import submissions as submissions
