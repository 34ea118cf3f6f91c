"""Write a golden file of every kind of estimator, with what each forecast on the day.

``python -m tests.persistence.golden.make NAME ...`` writes the files of these names, see
`tests/persistence/models.py`, into this folder, and adds their questions and answers to
``answers.json``. A file that is there is never written again: it stands for all files of its kind
that users have. Give a new kind, or a new attribute, a name of its own.
"""

import json
import sys
from pathlib import Path

from seqforecast import save
from tests.persistence import models

FOLDER = Path(__file__).parent
ANSWERS = FOLDER / "answers.json"


def main(names):
    answers = json.loads(ANSWERS.read_text(encoding="utf-8")) if ANSWERS.exists() else {}
    for name in names:
        path = FOLDER / f"{name}.safetensors"
        if path.exists():
            sys.exit(f"{path} is there, and must stay as it is.")
        estimator, asked = models.build(name), models.question(name)
        save(estimator, path)  # before it is asked: a stream goes on
        answers[name] = {
            "asked": asked,
            "answer": models.answer(name, estimator, asked).tolist(),
        }
    ANSWERS.write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
