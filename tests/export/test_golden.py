"""Exports that earlier versions wrote: the runtime reads them, and forecasts as it did.

``python -m tests.export.test_golden`` wrote them; one that is there is never written again.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from seqforecast import export_numpy
from seqforecast.runtime import load_numpy
from tests.persistence import models

FOLDER = Path(__file__).parent / "golden"
ANSWERS = FOLDER / "answers.json"
NAMES = ("rnn", "lstm", "gru")


@pytest.mark.parametrize("name", NAMES)
def test_forecasts_as_on_the_day_it_was_exported(name):
    asked, answer = json.loads(ANSWERS.read_text(encoding="utf-8"))[name].values()
    served = load_numpy(FOLDER / f"{name}.safetensors")
    np.testing.assert_allclose(models.answer(name, served, asked), answer, rtol=1e-5)


def main():
    answers = {}
    for name in NAMES:
        path = FOLDER / f"{name}.safetensors"
        assert not path.exists(), "it must stay as it is"
        estimator, asked = models.build(name), models.question(name)
        export_numpy(estimator, path)
        answers[name] = {"asked": asked, "answer": models.answer(name, estimator, asked).tolist()}
    ANSWERS.write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
