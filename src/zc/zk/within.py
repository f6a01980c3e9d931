"""A client by another policy of how long its calls wait."""

from typing import Any

from zc.zk import arguments


class Policy:
    """A client's twin: whatever it has not got itself is the client's, to be read and to be set."""

    def __init__(self, client: Any, seconds: float | None, fail_fast: bool) -> None:
        # Any: a client of either kind
        patience = arguments.patience(seconds, "the operation time-out")
        vars(self).update(_client=client, patience=patience, fail_fast=fail_fast)

    def __getattr__(self, name: str) -> Any:  # Any: as the client's
        return getattr(self._client, name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in {"patience", "fail_fast"}:
            vars(self)[name] = value
        elif name == "operation_timeout":
            super().__setattr__(name, value)
        else:
            setattr(self._client, name, value)

    def __repr__(self) -> str:
        return f"<{self._client!r}, each call within {vars(self)['patience']:g} s>"
