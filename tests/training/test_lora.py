import numpy as np
import pytest
import torch
from bicross.errors import ModelError
from bicross.inference.adapter import merge
from bicross.training.lora import LoraLinear, adapter_state, add_adapters, merge_adapters
from helpers.tiny_architectures import ARCHITECTURES, save_cross_encoder
from helpers.tiny_models import config, tokenizer
from sentence_transformers import CrossEncoder
from transformers import BertForSequenceClassification, BertModel

pytestmark = pytest.mark.slow

PAIRS = [("what does the cat do ?", f"the {animal} sleeps") for animal in ("cat", "dog", "owl")]


def new_model():
    torch.manual_seed(0)
    return BertForSequenceClassification(config(num_labels=1)).eval()


def trained_model():
    """Adapters that do something, as after a training."""
    model = new_model()
    add_adapters(model, rank=4, scale=2.0)
    torch.manual_seed(1)
    for module in model.modules():
        if isinstance(module, LoraLinear):
            torch.nn.init.normal_(module.up.weight, std=0.1)
    return model


def logits(model):
    inputs = tokenizer()([q for q, _ in PAIRS], [p for _, p in PAIRS], padding=True, return_tensors="pt")
    with torch.no_grad():
        return model(**inputs).logits[:, 0].numpy()


def test_new_adapters_change_nothing_and_leave_what_they_freeze():
    model = new_model()
    before, expected = {name: value.clone() for name, value in model.state_dict().items()}, logits(model)
    add_adapters(model, rank=4, scale=2.0)
    np.testing.assert_allclose(logits(model), expected, atol=1e-6)
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert {name.replace(".base.", ".") for name in frozen} == {
        name for name in before if "LayerNorm" not in name and not name.startswith(("bert.pooler", "classifier"))
        and "token_type" not in name
    }  # fmt: skip


def test_merged_weights_score_as_the_adapters_do_and_have_the_names_of_the_base():
    model = trained_model()
    expected = logits(model)
    assert np.abs(expected - logits(new_model())).max() > 0.1
    merge_adapters(model)
    np.testing.assert_allclose(logits(model), expected, atol=1e-5)
    assert model.state_dict().keys() == new_model().state_dict().keys()


def test_the_adapter_file_merges_with_its_base_to_the_same_but_for_float16():
    model = trained_model()
    expected = logits(model)
    adapter = {name: value.numpy() for name, value in adapter_state(model).items()}
    assert {value.dtype for value in adapter.values()} == {np.dtype(np.float16)}
    assert adapter["bert.encoder.layer.0.attention.self.query.down"].shape == (4, 24)
    base = BertModel(config())
    base.load_state_dict(
        {
            name.removeprefix("bert."): value
            for name, value in new_model().state_dict().items()
            if name.startswith("bert.")
        }
    )
    weights = merge({name: value.numpy() for name, value in base.state_dict().items()}, adapter, 2.0)
    merged = new_model()
    merged.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    np.testing.assert_allclose(logits(merged), expected, atol=0.02)


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_every_architecture_has_a_place_for_adapters(name, tmp_path):
    encoder = CrossEncoder(str(save_cross_encoder(tmp_path / name, name)), device="cpu")
    names = encoder.state_dict().keys()
    plain = encoder.predict(PAIRS, activation_fn=torch.nn.Identity())
    add_adapters(encoder.model, rank=4, scale=2.0)
    torch.manual_seed(1)
    for module in encoder.modules():
        if isinstance(module, LoraLinear):
            torch.nn.init.normal_(module.up.weight, std=0.1)
    adapted = encoder.predict(PAIRS, activation_fn=torch.nn.Identity())
    assert np.abs(adapted - plain).max() > 0.01
    merge_adapters(encoder)
    np.testing.assert_allclose(encoder.predict(PAIRS, activation_fn=torch.nn.Identity()), adapted, atol=1e-4)
    assert encoder.state_dict().keys() == names


def test_a_model_without_layers_is_refused():
    with pytest.raises(ModelError, match=r"Sequential has no layers that adapters are known for; train all"):
        add_adapters(torch.nn.Sequential(torch.nn.Linear(2, 2)))  # type: ignore[arg-type]
