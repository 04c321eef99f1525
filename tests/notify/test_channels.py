"""Every kind of channel is documented, and its documented configuration is one."""

from __future__ import annotations

import re
from typing import Any, get_args

import msgspec
import pytest
import yaml

from monitor.clock import ManualClock
from monitor.notify.channel import Forged
from monitor.notify.channels import ChannelConfig
from tests.notify.pages import AT
from tests.paths import ROOT

KINDS = {settings.__struct_config__.tag: settings for settings in get_args(ChannelConfig)}

DOCUMENTED = {
    found["kind"]: found
    for block in re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "docs/channels.md").read_text(), re.M | re.S)
    for found in (yaml.safe_load(block).get("channels") or {}).values()
}


@pytest.mark.parametrize("kind", DOCUMENTED)
def test_a_documented_channel_can_be_made(kind: str) -> None:
    settings: Any = msgspec.convert(DOCUMENTED[kind], ChannelConfig)
    assert callable(settings.channel(ManualClock(AT)).send)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_in_the_documentation(kind: str) -> None:
    table = (ROOT / "docs/configuration.md").read_text()
    row = re.search(rf"^\| `{kind}` \|([^|]*)\|", table, re.M)
    assert row is not None
    keys = [field.encode_name for field in msgspec.structs.fields(KINDS[kind])]
    assert sorted(re.findall(r"`(\w+)`", row[1])) == sorted(keys)
    assert kind in DOCUMENTED or kind in ("log", "webhook")


@pytest.mark.parametrize("kind", DOCUMENTED)
def test_no_settings_show_a_secret_or_hear_what_is_not_signed(kind: str) -> None:
    settings: Any = msgspec.convert(DOCUMENTED[kind], ChannelConfig)
    assert "0123" not in repr(settings)
    with pytest.raises(Forged):
        settings.hear({}, b"", AT)
