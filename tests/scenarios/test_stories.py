"""Every story of this folder, by its name; none that could not end otherwise, and none with a word that nobody reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.scenarios.stories import FOLDER, STORIES, Expectation, Seen, StoryError, found, is_met, story_of, told


def altered(this: Expectation, seen: Seen) -> Expectation:
    """Return it with something wrong in it: another code, word, value or text, or the contrary of a file that is there."""
    match this.kind:
        case "ends":
            return replace(this, wanted=this.wanted + 1)
        case "unsaid":
            return replace(this, wanted=seen.screen.split()[0])
        case "there" | "gone":
            return replace(this, kind="gone" if this.kind == "there" else "there")
        case "facts":
            return replace(this, wanted=[this.wanted, "altered"])
    return replace(this, wanted=f"{this.wanted} altered")


@pytest.mark.parametrize("name", STORIES)
def test_story(name: str, tmp_path: Path, restic_newest: Path) -> None:
    """Carry a story out once, and judge it again with each expectation made wrong: a story that cannot fail is none."""
    story = story_of(FOLDER / f"{name}.yaml")
    judged = []
    for this, seen in told(story, tmp_path, restic_newest):
        if not is_met(this, seen):
            pytest.fail(
                f"{story.says}\n{this.field}: {this.wanted}\ndrtool {seen.typed}\n{found(this, seen)}\n{seen.screen}", pytrace=False
            )
        judged.append((this, seen))
    assert [this for this, seen in judged if is_met(altered(this, seen), seen)] == [], "these are met whatever they say"


HEAD = "says: It is one.\nstory:\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{HEAD}- type: init\n  scren: [sheet]\n", "story.yaml:4:3: story[0].scren: unknown key `scren` (did you mean `screen`?)"),
        (f"{HEAD}- type: init\nmachines: {{}}\n", "story.yaml:4:1: machines: unknown key `machines` (did you mean `machine`?)"),
        (f"{HEAD}- type: init\n  screen: sheet\n", "story.yaml:4:11: story[0].screen: must be a list"),
        (f"{HEAD}- type: init\n  screen: []\n", "story.yaml:4:3: story[0].screen: must not be empty"),
        (f"{HEAD}- type: init\n  ends: '0'\n", "story.yaml:4:9: story[0].ends: must be a whole number"),
        (f"{HEAD}- type: init\n  remove: [near]\n", "story.yaml:3:3: story[0]: a step is one of: type with what it ends with, write, "),
        (f"{HEAD}- remove: [near]\n  gone: [near]\n", "story.yaml:3:3: story[0]: a step is one of: "),
        (f"{HEAD}- type: init\n- type: show $point\n", "story.yaml:4:3: story[1]: nothing is called `$point` by then"),
        ("story: [{type: init}]\n", "story.yaml:1:1: says: `says` is missing"),
    ],
    ids=(
        "key of a step",
        "key of a story",
        "no list",
        "an empty list",
        "no number",
        "two in one",
        "an end of a change",
        "a name",
        "no sentence",
    ),
)
def test_what_is_no_word_of_a_story_is_told_with_its_line_and_field(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "story.yaml").write_text(text)
    with pytest.raises(StoryError) as caught:
        story_of(tmp_path / "story.yaml")
    assert told in str(caught.value)
