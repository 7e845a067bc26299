"""Ids that a broker makes up for the members of groups, told by the order in which they were seen.

`oracle-5f0c...` of one broker and `oracle-91ab...` of the other are both `oracle-<1>`: what comes before the
random part must be the same, and the same member must have the same number in every answer of a scenario.
A scenario that reads the answers in an order of its own making sees them in the same order on both sides.
"""

import re

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_KAFKAS = re.compile(r"[A-Za-z0-9_-]{22}")  # how Kafka prints its own Uuid: base64
_FIELDS = ("memberId", "leader")
_TEXTS = ("errorMessage", "stdout", "stderr")  # they speak of members


class Members:
    """The ids that one session has seen."""

    def __init__(self):
        self.names = {}

    def readable(self, value, field=""):
        """An answer with the ids replaced, also where a message speaks of them."""
        if isinstance(value, dict):
            return {name: self.readable(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.readable(inner, field) for inner in value]
        if not isinstance(value, str):
            return value
        if field in _FIELDS:
            return self._name(value)
        if field in _TEXTS:
            for known, name in self.names.items():
                value = value.replace(known, name)
        return value

    def _name(self, ident):
        if ident not in self.names:
            random = _UUID.search(ident) or _KAFKAS.fullmatch(ident)
            if random is None:
                return ident
            self.names[ident] = ident.replace(random[0], f"<{len(self.names) + 1}>")
        return self.names[ident]
