"""The card of a trained model, and the template for publishing weights."""

import pytest

from microgesture.cli.main import main


def test_the_card_beside_the_weights_is_printed(tmp_path, capsys):
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "card.md").write_text("# A model\n")
    for given in (tmp_path / "model.safetensors", tmp_path):
        main(["card", str(given)])
        assert capsys.readouterr().out == "# A model\n"


def test_the_template_names_what_belongs_into_a_card(capsys):
    main(["card", "--template"])
    text = capsys.readouterr().out
    for heading in ("Files", "Use", "Training data", "Scores", "Limits", "Citation"):
        assert f"\n## {heading}\n" in text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "give a model, or --template, and not both"),
        (["a", "--template"], "give a model, or --template, and not both"),
        (["nothing.safetensors"], "nothing.safetensors: there is no such file"),
        (["model.safetensors"], "card.md: there is no such file; the workflow writes the card"),
    ],
)
def test_what_is_missing_is_one_line(words, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(SystemExit) as ended:
        main(["card", *words])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.count("\n") == 1 and expected in error
