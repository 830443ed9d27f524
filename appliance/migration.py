"""One migration on its way: what the stages hand to each other. It owns nothing but the references."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from appliance.journal import Journal
from appliance.loading.base import Checkpoint
from appliance.loading.targets import Target
from appliance.planning.model import Plan
from appliance.progress import Listener, silent
from appliance.run import Run
from kora._core import DigestKey
from kora.catalog import Catalog
from kora.comparison.result import Orphans
from kora.databases.base import Database
from kora.errors import InvalidRequest
from kora.settings import Settings

if TYPE_CHECKING:
    from kora.behavior.servers import ServerTrials

SourceCaller: TypeAlias = Callable[[], "AbstractContextManager[ServerTrials]"]


@dataclass
class Migration:
    """The state between stages. `source` is one open snapshot for the whole of it."""

    run: Run
    journal: Journal
    settings: Settings
    source: Database
    target: Target
    migration_key: DigestKey
    source_caller: SourceCaller | None = None
    """Opens a session on the source that may not write and calls routines; None where it keeps none."""
    listener: Listener = silent
    resumed: bool = False
    catalog: Catalog | None = None
    surveys: dict[str, str] = field(default_factory=dict)
    """Source table (as text) → the survey's JSON."""
    raw_totals: dict[str, tuple[tuple[str, ...], tuple[int, bytes]]] = field(default_factory=dict)
    """Source table (as text) → the columns that the survey read, their rows and Σ of raw row digests."""
    orphans: tuple[Orphans, ...] = ()
    plan: Plan | None = None
    checkpoints: dict[tuple[str, int], Checkpoint] = field(default_factory=dict)

    @property
    def known_catalog(self) -> Catalog:
        """The source's catalog, once `discover` has run."""
        if self.catalog is None:
            raise InvalidRequest("the source was not discovered yet", hint="run the stages in order")
        return self.catalog

    @property
    def decided_plan(self) -> Plan:
        """The plan, once there is one."""
        if self.plan is None:
            raise InvalidRequest("there is no plan yet", hint="run the stages in order")
        return self.plan
