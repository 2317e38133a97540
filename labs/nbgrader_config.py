"""nbgrader's settings for the labs: `cd labs`, then `nbgrader generate_assignment 04_losses`."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for tools.sandbox

c = get_config()  # noqa: F821  (nbgrader gives it)

c.CourseDirectory.course_id = "autoencoders"
c.CourseDirectory.root = str(ROOT / "labs")

c.ClearSolutions.code_stub = {
    "python": "raise NotImplementedError(\n"
    '    "Write your answer here, in place of this line, and run the cell. "\n'
    '    "Then run the test below."\n'
    ")"
}
c.ClearSolutions.text_stub = "*Write your answer here, in place of this line.*"

# A submission is somebody else's code: see tools/sandbox.py.
c.Autograde.autograde_preprocessors = [
    "tools.sandbox.SandboxedExecute",
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.OverwriteCells.add_missing_cells = True  # a test that was deleted is put back, and runs
c.SandboxedExecute.hidden = [str(ROOT / "labs")]  # the solutions
