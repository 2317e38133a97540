"""The networks that ship: whole, loaded without unpickling, fetched where they are not, and as good
as the scores on record say."""

import hashlib
import json
import re
import socket
from pathlib import Path

import numpy as np
import pytest
import torch

from aelib import data, metrics, models, training
from tools import train_faces

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "data" / "models"
RECORDED = json.loads((FOLDER / "scores.json").read_text(encoding="utf-8"))


def content(name):
    return (FOLDER / f"{name}.safetensors").read_bytes()


@pytest.fixture(scope="module")
def faces():
    return data.cartoon_faces(32)


@pytest.fixture(scope="module")
def judge(faces):
    values = {name: len(values) for name, values in faces.attribute_values.items()}
    model = models.AttributeNetwork(values)
    model.load_state_dict(data.weights("faces_attributes"))
    return model.eval()


def test_the_files_are_those_that_the_readme_and_the_loader_name():
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert set(data._WEIGHTS_SHA256) == set(train_faces.NAMES)
    total = 0
    for name, expected in data._WEIGHTS_SHA256.items():
        digest = hashlib.sha256(content(name)).hexdigest()
        assert digest == expected
        assert f"| `{name}.safetensors` | {len(content(name))} | `{digest}` |" in readme
        total += len(content(name))
    assert total < 6_000_000
    assert {p.name for p in FOLDER.iterdir()} == {
        "scores.json",
        *(f"{name}.safetensors" for name in train_faces.NAMES),
    }


@pytest.mark.parametrize(
    ("name", "model"),
    [("faces_vae", models.ConvolutionalVAE), ("faces_gan", models.GAN)],
)
def test_weights_fit_the_models_at_their_default_size(name, model):
    state = data.weights(name)
    assert {v.dtype for v in state.values()} <= {torch.float32, torch.int64}
    assert all(v.isfinite().all() for v in state.values())
    model().load_state_dict(state)  # strict: nothing missing, nothing left over


def test_the_same_weights_every_time_and_no_network(monkeypatch):
    def refuse(*_arguments, **_keywords):
        raise OSError("the network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    first, second = data.weights("faces_vae"), data.weights("faces_vae")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_damaged_or_missing_file_and_no_network_is_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "_PAUSE", 0.0)

    def refuse(*_arguments, **_keywords):
        raise OSError("the network is unreachable")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    with pytest.raises(RuntimeError, match=r"faces_gan.*missing.*unreachable.*checkout -- data/m"):
        data.weights("faces_gan", tmp_path)
    path = tmp_path / "models" / "faces_gan.safetensors"
    path.write_bytes(content("faces_gan")[:-1])
    with (
        pytest.warns(UserWarning, match=r"faces_gan\.safetensors is damaged"),
        pytest.raises(RuntimeError, match="faces_gan.*damaged.*unreachable"),
    ):
        data.weights("faces_gan", tmp_path)


def test_a_damaged_file_is_fetched_again(tmp_path, monkeypatch):
    path = tmp_path / "models" / "faces_vae.safetensors"
    path.parent.mkdir()
    whole = content("faces_vae")
    path.write_bytes(whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:])
    monkeypatch.setattr(data, "_REPOSITORY", ROOT.as_uri())
    with pytest.warns(UserWarning, match="damaged"):
        state = data.weights("faces_vae", tmp_path)
    assert path.read_bytes() == whole
    assert torch.equal(state["decoder.0.weight"], data.weights("faces_vae")["decoder.0.weight"])


# ------------------------------------------------------------------------------- what they can do
def test_the_judge_is_as_accurate_as_recorded(faces, judge):
    """On the first 300 test faces, within four standard deviations of the recorded share."""
    sample = faces.test[:300]
    with torch.no_grad():
        logits = judge(sample.pixels)
    assert set(RECORDED["accuracy"]) == set(sample.attributes)
    for name, truth in sample.attributes.items():
        share = metrics.accuracy(logits[name].argmax(1), truth)
        expected = RECORDED["accuracy"][name]
        assert abs(share - expected) < 4 * (expected * (1 - expected) / 300) ** 0.5 + 0.01, name


def test_scores_on_a_small_sample_are_near_those_on_record(faces, judge):
    """Sharpness needs few images. Coverage and the Fréchet distance must come in the same order."""
    found = {}
    real = training.predict(judge.features, faces.test)
    held_out = faces.hold_out(train_faces.VALIDATION)[1][:300].pixels
    z = torch.randn(300, 64, generator=torch.Generator().manual_seed(2))
    vae = train_faces.stored_network("faces_vae")
    gan = train_faces.stored_network("faces_gan")
    for name, images in {
        "faces held out": held_out,
        "VAE": training.predict(vae.decode, z),
        "GAN": training.predict(gan.generate, z),
    }.items():
        found[name] = train_faces.score(images, real, judge)
        expected = RECORDED[name]["sharpness"]
        assert found[name]["sharpness"] == pytest.approx(expected, rel=0.05), name
    for measure in ("frechet", "sharpness", "coverage"):
        order = sorted(found, key=lambda name: found[name][measure])
        assert order == sorted(found, key=lambda name: RECORDED[name][measure]), measure


def test_check_names_what_is_off():
    assert train_faces.check(RECORDED) == []
    wrong = json.loads(json.dumps(RECORDED))
    wrong["GAN"]["sharpness"] *= 1.1
    assert re.fullmatch(r"GAN, sharpness: .* on record, .* measured", train_faces.check(wrong)[0])
    assert np.isfinite(list(RECORDED["VAE"].values())).all()


def test_the_script_trains_stops_and_goes_on(tmp_path, monkeypatch, faces):
    """All three networks for an epoch on few faces; a second start finds the work done."""
    monkeypatch.setattr(train_faces, "FOLDER", tmp_path)
    monkeypatch.setattr(train_faces, "WORK", tmp_path)
    monkeypatch.setattr(data, "cartoon_faces", lambda size: faces)  # read once
    monkeypatch.setattr(train_faces, "faces", lambda: (faces, faces.train[:64], faces.test[:32]))
    monkeypatch.setattr(train_faces.sample, "__defaults__", (None, 32))
    for settings in (train_faces.ATTRIBUTES, train_faces.VAE, train_faces.GAN):
        monkeypatch.setitem(settings, "epochs", 1)
    steps = (train_faces.train_attributes, train_faces.train_vae, train_faces.train_gan)
    for train, name in zip(steps, train_faces.NAMES, strict=True):
        train()
        first = (tmp_path / f"{name}.safetensors").read_bytes()
        train()
        assert (tmp_path / f"{name}.safetensors").read_bytes() == first
        model = train_faces.new_network(name)
        stored = train_faces.load_file(tmp_path / f"{name}.safetensors")
        assert {v.dtype for v in stored.values()} == {torch.float16, torch.int64}
        assert any(not torch.equal(stored[k].float(), v) for k, v in model.named_parameters())
        model.load_state_dict(stored)
