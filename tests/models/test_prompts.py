"""Prompts as classes: the logits of the libraries' own models of pictures and texts, and what is refused."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.models.text_models import CONTEXT, PROMPTS, clip_tokenizer, write_open_clip, write_text_model
from tests.networks.other_libraries import require, transformers_model
from vitexplain import explain, load_model
from vitexplain.errors import MissingExtraError, ModelError, UsageError, VitexplainError
from vitexplain.images import open_picture, prepare
from vitexplain.models.prompts import BUILT_IN, read_prompts

SAMPLES = sorted((Path(__file__).parents[2] / "sample_images").glob("*.jpg"))
KINDS = ("CLIPModel", "SiglipModel", "Siglip2Model")


@pytest.fixture(autouse=True, scope="module")
def installed() -> None:
    require("transformers", "transformers")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_text_model(tmp_path, "CLIPModel")
    return tmp_path


def small_picture(path: Path) -> Path:
    """Write a picture of 32 x 32 pixels, which no processor resizes."""
    seen = np.random.default_rng(3).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(seen).save(path)
    return path


@pytest.mark.parametrize("name", KINDS)
def test_logits_are_those_of_transformers_with_its_own_processors(name: str, tmp_path: Path) -> None:
    from transformers import AutoImageProcessor, AutoTokenizer, Siglip2ImageProcessor

    theirs = write_text_model(tmp_path / "m", name)
    model = load_model(f"clip:{tmp_path / 'm'}", prompts=PROMPTS, device="cpu")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "m")
    length = theirs.config.text_config.max_position_embeddings
    filled: dict[str, Any] = (
        {"padding": True} if name == "CLIPModel" else {"padding": "max_length", "max_length": length}
    )
    texts = tokenizer(PROMPTS, return_tensors="pt", **filled)
    if name == "Siglip2Model":
        pictures = [small_picture(tmp_path / "small.png")]
        processor: Any = Siglip2ImageProcessor(patch_size=8, max_num_patches=16)
    else:
        pictures, processor = SAMPLES[:3], AutoImageProcessor.from_pretrained(tmp_path / "m")
    for path in pictures:
        ours, _ = prepare(open_picture(path), model.preprocess)
        with Image.open(path) as image, torch.inference_mode():
            given = processor(images=image.convert("RGB"), return_tensors="pt")
            expected = theirs(**texts, **given).logits_per_image
            found = model.network(torch.from_numpy(ours)[None])
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
        shares = expected.softmax(-1) if name == "CLIPModel" else expected.sigmoid()
        result = explain(model, path, methods=["raw"])
        best = int(expected.argmax())
        assert (result.predictions[0].label, result.predictions[0].index) == (PROMPTS[best], best)
        assert result.predictions[0].probability == pytest.approx(float(shares.max()), abs=1e-4)
    assert model.activation == ("softmax" if name == "CLIPModel" else "sigmoid")
    assert model.notices == () or name == "Siglip2Model"
    assert not any("text" in key for key, _ in model.network.module.named_parameters())


@pytest.mark.parametrize("siglip", [False, True])
def test_logits_are_those_of_open_clip_with_its_own_tokenizer(siglip: bool, tmp_path: Path) -> None:
    require("open_clip", "open-clip")
    import open_clip

    write_open_clip(tmp_path, siglip=siglip)
    theirs, _, transform = open_clip.create_model_and_transforms(f"local-dir:{tmp_path}")
    texts = open_clip.get_tokenizer(f"local-dir:{tmp_path}")(PROMPTS)
    model = load_model(f"clip:{tmp_path}", prompts=PROMPTS, device="cpu")
    assert (model.activation, model.origin, model.notices) == (
        "sigmoid" if siglip else "softmax",
        f"folder: {tmp_path.name}",
        (),
    )
    for path in SAMPLES[:3]:
        ours, _ = prepare(open_picture(path), model.preprocess)
        with Image.open(path) as image:
            given = transform(image)[None]
        torch.testing.assert_close(torch.from_numpy(ours)[None], given, rtol=0, atol=1e-5)
        with torch.inference_mode():
            expected, _ = theirs.eval().get_logits(given, texts)
            torch.testing.assert_close(model.network(given), expected, rtol=1e-4, atol=1e-4)
    with torch.inference_mode():
        alone = load_model(f"clip:{tmp_path}", device="cpu")
        torch.testing.assert_close(alone.network(given), theirs.encode_image(given), rtol=1e-4, atol=1e-5)
    assert alone.num_classes == 0 and "`prompts='a koala'`" in alone.no_predictions


def test_a_name_of_open_clip_with_a_file_of_weights(tmp_path: Path) -> None:
    require("open_clip", "open-clip")
    import open_clip

    theirs = write_open_clip(tmp_path / "m")
    table = json.loads((tmp_path / "m" / "open_clip_config.json").read_text())
    (tmp_path / "Tiny-CLIP.json").write_text(json.dumps(table["model_cfg"]))
    open_clip.add_model_config(tmp_path / "Tiny-CLIP.json")
    torch.save(
        {"state_dict": {f"module.{key}": value for key, value in theirs.state_dict().items()}}, tmp_path / "w.pt"
    )
    pixels, texts = torch.randn(2, 3, 32, 32), open_clip.SimpleTokenizer(context_length=CONTEXT)(PROMPTS)
    for name in ("clip:Tiny-CLIP", "open_clip:Tiny-CLIP", "clip:open_clip:Tiny-CLIP"):
        model = load_model(name, weights=tmp_path / "w.pt", prompts=PROMPTS, device="cpu")
        with torch.inference_mode():
            torch.testing.assert_close(model.network(pixels), theirs.get_logits(pixels, texts)[0], rtol=1e-4, atol=1e-4)
        assert (model.name, model.origin) == ("Tiny-CLIP", "file: w.pt")
    with pytest.raises(ModelError, match=r"give its file of weights with `weights=`"):
        load_model("clip:Tiny-CLIP", prompts=PROMPTS)
    with pytest.raises(ModelError, match=r"no folder, and no name of open_clip's"):
        load_model("clip:Tiny-CLOP", prompts=PROMPTS)
    with pytest.raises(
        ModelError, match=r"give its folder or name on the hub, such as `model=clip:timm/ViT-B-16-SigLIP`"
    ):
        load_model("open_clip:ViT-B-16-SigLIP", weights=tmp_path / "w.pt", prompts=PROMPTS)


@pytest.mark.parametrize("templates", ["simple", "a photo of a {}.", ["{}", "the {}"], "file"])
def test_templates_are_averaged_as_open_clip_does(templates: Any, tmp_path: Path) -> None:
    require("open_clip", "open-clip")
    import open_clip
    from open_clip.zero_shot_metadata import SIMPLE_IMAGENET_TEMPLATES

    theirs = write_open_clip(tmp_path / "m")
    lines = (
        {"simple": SIMPLE_IMAGENET_TEMPLATES, "file": ["itap of {}.", "a {}"]}.get(templates, templates)
        if isinstance(templates, str)
        else templates
    )
    if templates == "file":
        templates = tmp_path / "templates.txt"
        templates.write_text("itap of {}.\n\na {}\n", encoding="utf-8")
    sentences = [lines] if isinstance(lines, str) else list(lines)
    names = ["koala", "red tree"]
    expected = open_clip.build_zero_shot_classifier(
        theirs, open_clip.SimpleTokenizer(context_length=CONTEXT), names, sentences
    )
    model = load_model(f"clip:{tmp_path / 'm'}", prompts=names, templates=templates, device="cpu")
    found: Any = model.network.module
    torch.testing.assert_close(found.classifier.weight / theirs.logit_scale.exp(), expected.T, rtol=1e-4, atol=1e-5)
    assert model.prompts is not None and len(model.prompts.templates) == len(sentences)
    assert all(
        template.format("x") == (each("x") if callable(each) else each.format("x"))
        for template, each in zip(model.prompts.templates, sentences, strict=True)
    )


def test_the_words_or_the_number_name_a_prompt(folder: Path) -> None:
    model = load_model(f"clip:{folder}", prompts=["a koala", "red, blue", "tree"], device="cpu")
    picture = SAMPLES[0]

    def asked(target: Any) -> list[tuple[int, bool]]:
        found = explain(model, picture, methods=["input-gradient"], target=target).explanations
        return [(each.target.index, each.target.lowers) for each in found]  # type: ignore[union-attr]

    assert asked("A Koala") == asked(0) == asked("0") == [(0, False)]
    assert asked("red, blue") == [(1, False)]
    assert asked("not:tree") == [(2, True)]
    assert asked(["tree", "a koala"]) == asked("tree,a koala") == [(2, False), (0, False)]
    assert [index for index, _ in asked("all")] == [0, 1, 2]
    with pytest.raises(UsageError, match=r"`labels=` has no effect beside `prompts=`"):
        explain(model, picture, labels=["x", "y", "z"])
    with pytest.raises(UsageError, match=r"`prompts=` is given beside a loaded model"):
        explain(model, picture, prompts=PROMPTS)
    with pytest.raises(UsageError, match=r"target 'a koal' is no label of the model: the nearest label is a koala"):
        asked("a koal")


def test_without_prompts_it_stays_an_embedding_and_says_how(folder: Path) -> None:
    for name in (str(folder), f"clip:{folder}", f"clip:local-dir:{folder}"):
        model = load_model(name, device="cpu")
        assert model.num_classes == 0
        result = explain(model, SAMPLES[0], methods=["rollout"])
        assert result.predictions == () and "ask in words with `prompts='a koala'`" in result.notices[0]
        with pytest.raises(ModelError, match=r"has no classes of its own: ask in words with `prompts='a koala'`"):
            explain(model, SAMPLES[0], methods=["attn-lrp"])
    assert explain(str(folder), SAMPLES[0], methods=["attn-lrp"], prompts=PROMPTS).predictions


def refused(error: type[VitexplainError], words: str, model: Any, **options: Any) -> None:
    with pytest.raises(error, match=words) as caught:
        load_model(model, device="cpu", **options)
    assert type(caught.value) is error and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (r"no prompts given: add one for each answer", {"prompts": []}),
        (r"prompt 2 is empty: give words", {"prompts": ["a koala", " \t"]}),
        (r"prompt 1 is of type int: expected text", {"prompts": [3]}),
        (
            r"prompts 1 and 3, 'a koala' and 'A  Koala', are the same: give each once",
            {"prompts": ["a koala", "x", "A  Koala"]},
        ),
        (
            r"prompts 1 and 2, 'a é' and 'a ü', are the same to this model's tokenizer",
            {"prompts": ["a é", "a ü"]},
        ),
        (r"prompt 'kk.*' has 62 tokens, the model reads at most 40: shorten it", {"prompts": ["a", "k" * 60]}),
        (
            r"prompt 'a photo of the trtrtr.* has \d+ tokens",
            {"prompts": ["tree", "tr" * 40], "templates": "a photo of the {}"},
        ),
        (r"prompt 2 has a sign that cannot be shown", {"prompts": ["a", "b\x1bc"]}),
        (r"the prompt 'a koala' alone would always have 100%: add others", {"prompts": "a koala"}),
        (r"the prompt 'a koala' alone would always have 100%", {"prompts": ["a koala"], "activation": "softmax"}),
        (r"`labels=` has no effect beside `prompts=`", {"prompts": PROMPTS, "labels": ["a", "b", "c"]}),
        (r"`num_classes=` has no effect beside `prompts=`", {"prompts": PROMPTS, "num_classes": 3}),
        (r"`templates=` has no effect without prompts", {"templates": "simple"}),
    ],
)
def test_prompts_that_cannot_be(words: str, options: dict[str, Any], folder: Path) -> None:
    refused(UsageError, words.replace("A  Koala", "A Koala"), f"clip:{folder}", **options)


def test_templates_that_cannot_be(folder: Path) -> None:
    (folder / "none.txt").write_text("\n\n", encoding="utf-8")
    (folder / "odd.txt").write_text("a {}\nno place\n", encoding="utf-8")
    (folder / "bytes.txt").write_bytes(b"\xff\xfe\xfa")
    for given, words in (
        (folder / "gone.txt", r"templates .*gone\.txt: cannot be read \(no such file\), expected one template a line"),
        ("simpel", r"templates simpel: cannot be read .* or the word simple"),
        (folder / "none.txt", r"none in it, expected"),
        (folder / "odd.txt", r"template 2 is 'no place', expected"),
        (folder / "bytes.txt", r"not a text in UTF-8"),
        ([], r"templates given: none in it"),
    ):
        refused(ModelError, words, f"clip:{folder}", prompts=PROMPTS, templates=given)


def test_one_prompt_where_it_has_a_value_of_its_own(folder: Path, tmp_path: Path) -> None:
    several = load_model(f"clip:{folder}", prompts=["a koala", "tree"], device="cpu")
    alone = load_model(f"clip:{folder}", prompts="a koala", activation="none", device="cpu")
    pixels = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(alone.network(pixels)[:, 0], several.network(pixels)[:, 0])
    (told,) = load_model(f"clip:{folder}", prompts="a koala", activation="sigmoid", device="cpu").notices
    assert "trained to choose between prompts" in told
    write_text_model(tmp_path / "s", "SiglipModel")
    model = load_model(f"clip:{tmp_path / 's'}", prompts="a koala", device="cpu")
    assert model.notices == ()
    (prediction,) = explain(model, SAMPLES[0], methods=["attn-lrp"]).predictions
    assert prediction.label == "a koala" and 0 < prediction.probability < 1


def test_models_that_have_no_text_tower(tmp_path: Path) -> None:
    transformers_model("ViTForImageClassification").save_pretrained(tmp_path / "vit")
    transformers_model("CLIPVisionModelWithProjection").save_pretrained(tmp_path / "tower")
    (tmp_path / "empty").mkdir()
    for name in (
        "builtin",
        "vit_tiny_patch16_224",
        "torchvision:vit_b_16",
        tmp_path / "vit",
        tmp_path / "tower",
        tmp_path / "empty",
    ):
        refused(UsageError, r"has no text tower to read prompts: give a model that has one", str(name), prompts=PROMPTS)
    refused(UsageError, r"has no text tower", f"clip:{tmp_path / 'vit'}")
    refused(ModelError, r"no such folder: check the name", f"clip:{tmp_path / 'gone'}", prompts=PROMPTS)
    module = transformers_model("CLIPModel")
    refused(UsageError, r"`prompts=` needs the tokenizer, too", module, prompts=PROMPTS)


def test_tokenizers_that_are_absent_or_of_another_model(folder: Path, tmp_path: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    for file in folder.glob("*token*"):
        file.unlink()
    refused(
        ModelError,
        r"no tokenizer in it \(none of tokenizer\.json, .*tokenizer\.save_pretrained",
        f"clip:{folder}",
        prompts=PROMPTS,
    )
    (folder / "tokenizer.json").write_text("{}")
    refused(ModelError, r"its tokenizer cannot be read", f"clip:{folder}", prompts=PROMPTS)
    clip_tokenizer(folder)
    write_text_model(tmp_path / "w", "CLIPModel", own_tokenizer=False)
    clip_tokenizer(tmp_path / "w")
    refused(
        ModelError,
        r"its tokenizer has tokens that its text tower does not know",
        f"clip:{tmp_path / 'w'}",
        prompts=["a tree", "zoo"],
    )
    config["text_config"]["vocab_size"] = 1 << 40
    (folder / "config.json").write_text(json.dumps(config))
    refused(ModelError, r"vocab_size is 1099511627776, expected", f"clip:{folder}", prompts=PROMPTS)


def test_a_tokenizer_of_code_is_not_run(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    table = json.loads(path.read_text())
    table |= {"tokenizer_class": "Mine", "auto_map": {"AutoTokenizer": ["mine.Mine", None]}}
    path.write_text(json.dumps(table))
    (folder / "mine.py").write_text("raise SystemExit('it ran')")
    try:
        load_model(f"clip:{folder}", prompts=PROMPTS, device="cpu")
    except ModelError as error:
        assert "its tokenizer cannot be read" in str(error)


@pytest.mark.skipif(find_spec("sentencepiece") is not None, reason="sentencepiece is installed")
def test_a_tokenizer_whose_library_is_missing(tmp_path: Path) -> None:
    write_text_model(tmp_path, "SiglipModel")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "SiglipTokenizer"}))
    words = r"its tokenizer needs sentencepiece, which is not installed: pip install sentencepiece$"
    refused(MissingExtraError, words, f"clip:{tmp_path}", prompts=PROMPTS)


def test_siglip_s_own_tokenizer(tmp_path: Path) -> None:
    pieces = pytest.importorskip("sentencepiece")
    from transformers import SiglipTokenizer

    theirs = write_text_model(tmp_path / "m", "SiglipModel")
    for file in (tmp_path / "m").glob("*token*"):
        file.unlink()
    text = iter(["a photo of a koala", "the red tree", "blue sky and a tall tree", "itap of the koala"] * 4)
    pieces.SentencePieceTrainer.train(
        sentence_iterator=text, model_prefix=str(tmp_path / "spiece"), vocab_size=14, model_type="char", pad_id=3
    )
    own = SiglipTokenizer(str(tmp_path / "spiece.model"), model_max_length=12)
    own.save_pretrained(tmp_path / "m")
    prompts = ["a tree", "A Koala!"]
    model = load_model(f"clip:{tmp_path / 'm'}", prompts=prompts, device="cpu")
    texts = own(prompts, return_tensors="pt", padding="max_length", max_length=12)
    pixels = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        expected = theirs(**texts, pixel_values=pixels).logits_per_image
        torch.testing.assert_close(model.network(pixels), expected, rtol=1e-4, atol=1e-4)


def test_what_an_open_clip_folder_claims(tmp_path: Path) -> None:
    require("open_clip", "open-clip")
    write_open_clip(tmp_path)
    path = tmp_path / "open_clip_config.json"
    table = json.loads(path.read_text())
    for place, key, value, words in (
        ("model_cfg", "embed_dim", 1 << 40, "embed_dim is 1099511627776"),
        ("model_cfg", "embed_dim", None, "embed_dim is not there"),
        ("model_cfg", "vision_cfg", [], r"vision_cfg is \[\], expected a table"),
        ("model_cfg", "multimodal_cfg", {}, "multimodal_cfg describes CoCa"),
        ("text_cfg", "hf_model_name", "a/b", "hf_model_name: a text tower of transformers inside open_clip"),
        ("text_cfg", "vocab_size", -1, "vocab_size is -1"),
        ("text_cfg", "tokenizer_kwargs", {"clean": "code"}, "clean is 'code', expected one of"),
        ("text_cfg", "tokenizer_kwargs", [1], r"tokenizer_kwargs is \[1\], expected a table"),
        ("vision_cfg", "image_size", "big", "image_size is 'big'"),
        ("vision_cfg", "width", 8_192, "describes .* numbers, the weights hold"),
        ("vision_cfg", "layers", 3, "do not fit CLIP of open_clip: visual.* is absent"),
        ("vision_cfg", "unheard_of", 3, "open_clip cannot build"),
        ("preprocess_cfg", "mean", "x", "mean is 'x'"),
        ("preprocess_cfg", "resize_mode", "x", "resize_mode is 'x'"),
    ):
        edited = json.loads(json.dumps(table))
        inside = edited["model_cfg"] if place == "model_cfg" else edited["model_cfg"].get(place, edited.get(place))
        inside[key] = value
        path.write_text(json.dumps(edited))
        refused(ModelError, words, f"clip:{tmp_path}", prompts=PROMPTS)
    path.write_text(json.dumps(table))
    (tmp_path / "open_clip_model.safetensors").unlink()
    refused(
        ModelError,
        r"none of open_clip_model\.safetensors, .* in it: add `weights=FILE`",
        f"clip:{tmp_path}",
        prompts=PROMPTS,
    )


def test_the_seven_templates_have_one_place_each() -> None:
    assert [template.count("{}") for template in BUILT_IN["simple"]] == [1] * 7
    asked = read_prompts(["a", "b"], "simple")
    assert asked is not None and [len(group) for group in asked.sentences()] == [7, 7]


def test_the_hash_of_the_weights_covers_every_piece_of_both_towers(tmp_path: Path) -> None:
    write_text_model(tmp_path, "CLIPModel").save_pretrained(tmp_path, max_shard_size="60KB")
    (tmp_path / "model.safetensors").unlink(missing_ok=True)
    pieces = sorted(tmp_path.glob("model-*.safetensors"))
    assert len(pieces) > 1

    def digest() -> str | None:
        return load_model(f"clip:{tmp_path}", prompts=PROMPTS, device="cpu").weights_sha256

    before = digest()
    assert before == digest()
    piece = next(each for each in pieces if "text_projection.weight" in load_file(each))
    state = load_file(piece)
    state["text_projection.weight"] = state["text_projection.weight"].flip(0).contiguous()
    save_file(state, piece, metadata={"format": "pt"})
    assert digest() != before
