from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from drtool.model.policy import Settings
from drtool.model.workload import CHAIN, Workload
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.api.supported import version_of
from drtool.sources.truenas.datasets.dataset import Dataset
from drtool.sources.truenas.facts import above, matches
from drtool.sources.truenas.inventory.listing import Listing
from drtool.sources.truenas.inventory.takes import settable, spell
from drtool.sources.truenas.inventory.user_quotas import read_quotas
from drtool.sources.truenas.inventory.ways import ExportMethod

KIND: Final = "truenas"
Choose = Callable[[Dataset, int], ExportMethod]
"""How a dataset is read; the second argument tells of how many exact streams the policy lets a point consist, 0 of none."""
_NEVER: Final = ("readonly", "xattr")
"""What is set on a dataset and is not set on a restored one: it could not be poured, or the NAS has no argument for it."""
_PATTERN: Final = frozenset("*?[")


def discover(listing: Listing, selector: Settings, choose: Choose) -> tuple[Workload, ...]:
    """Return one workload per dataset that a selector matches, children named one by one; what cannot be read carries its problem.

    `choose` tells how each is read. What drtool itself made on the NAS is left out.
    """
    from drtool.sources.truenas.schema import Selector  # noqa: PLC0415 - heavy, and `status` discovers nothing

    client, wanted = listing.client, Selector.model_validate(dict(selector))
    if wanted.system:
        return (Workload(f"{client.source}:system", client.source, KIND, {"system": True, "version": version_of(client)}),)
    rules = wanted.model_dump(exclude={"system", "exclude", "exclude_files"})
    rules |= {"exact": bool(wanted.streams), CHAIN: wanted.streams if wanted.streams > 1 else 0}
    rules |= {"leave_out": wanted.exclude, "exclude": wanted.exclude_files}  # to a census `exclude` means files
    pattern = str(wanted.dataset)
    found = listing.recent()
    matched = [dataset for dataset in found if _is_wanted(dataset, rules)]
    if not matched and not _PATTERN & set(pattern) and not any(dataset.id == pattern for dataset in found):
        return (Workload(f"{client.source}:{pattern}", client.source, KIND, {"dataset": pattern}, problem=f"{pattern} does not exist"),)
    found_ones = tuple(_workload(client.source, dataset, rules, choose(dataset, wanted.streams)) for dataset in matched)
    if wanted.user_quotas:
        found_ones = tuple(_with_quotas(client, each) for each in found_ones)
    hidden = uncovered(listing)
    first = next((place for place, each in enumerate(found_ones) if hidden and not each.problem), None)
    return tuple(replace(each, way=f"{each.way}; {hidden}") if place == first else each for place, each in enumerate(found_ones))


def _with_quotas(client: ApiClient, workload: Workload) -> Workload:
    """Record them; a volume has none, and of what is locked nobody knows."""
    if workload.problem or "volsize" in workload.selector["properties"]:
        return workload
    return replace(workload, selector={**workload.selector, "quotas": read_quotas(client, str(workload.selector["dataset"]))})


def uncovered(listing: Listing) -> str:
    """Say what the NAS keeps in datasets that it hides, so that nothing here covers it; empty where it tells of no apps."""
    apps = listing.apps()
    if not apps:
        return ""
    return f"not covered: what the apps {', '.join(apps)} keep in datasets that the NAS hides (ix-apps): docs/platforms/truenas.md, Apps"


def is_passing(dataset: Dataset) -> bool:
    """Tell whether drtool itself made it and it goes again; what was restored and stands in its place already is in service."""
    return dataset.is_bare_clone or (dataset.label is not None and dataset.marks.get("target") != dataset.id)


def _is_wanted(dataset: Dataset, rules: Mapping[str, Any]) -> bool:
    """Tell whether a selector's rules match a dataset."""
    pattern = str(rules["dataset"])
    names = (dataset.id, *above(dataset.id))
    if is_passing(dataset) or not any(matches(name, pattern) for name in (names if rules.get("recursive") else names[:1])):
        return False
    left_out = any(matches(name, item) for item in rules.get("leave_out", ()) for name in names)
    return not left_out and all(dataset.in_effect.get(name) == value for name, value in rules.get("where", {}).items())


def _workload(source: str, dataset: Dataset, rules: dict[str, Any], way: ExportMethod) -> Workload:
    selector = {
        **{name: value for name, value in rules.items() if value},
        "dataset": dataset.id,
        "properties": dataset.recorded(),
        "inherited": dataset.inherited(),
        "users": dict(dataset.users),
        "encrypted": dataset.encrypted,
        "way": way.name,
        "held": dataset.referenced,
        "nests": True,
    }
    if dataset.encrypted:
        selector["encryption"] = {"root": dataset.encryption_root, "form": dataset.key_form}
    return Workload(
        name=f"{source}:{dataset.id}",
        source=source,
        kind=KIND,
        selector=selector,
        snapshots=True,
        bytes=dataset.volume_bytes or dataset.referenced or None,
        problem=way.problem,
        way="; ".join(filter(None, (way.why, _left_out(dataset)))),
    )


def _left_out(dataset: Dataset) -> str:
    """Say today what a restore will leave out, not on the day of need."""
    said = spell(settable(dataset.recorded())[1])
    more = ", ".join(
        f"{name} {dataset.worth(name)}" for name in _NEVER if str((dataset.told.get(name) or {}).get("source")).upper() == "LOCAL"
    )
    lost = f"without {more}, which drtool does not set" if more else ""
    return f"it comes back {' and '.join(filter(None, (said, lost)))}" if said or lost else ""
