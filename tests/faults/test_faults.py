"""Cases of wrong numbers, silent damage and bad input, each run as a user would.

A case prints `ok NAME: ...` (exit status 0) or `FAULT NAME: got ..., want ...` (exit status 1).
`python tests/faults/NAME.py` runs one by hand. A case that is not in PASSING is expected to fail,
strictly: when it passes, the test asks for its name in the list.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SHARED = {"case.py", "damage.py", "test_faults.py"}
CASES = [path for path in sorted(HERE.rglob("*.py")) if path.name not in SHARED]
# The cases that pass.
PASSING = {
    "01_cwd_modules",
    "02_planted_pyc",
    "04_flip_result_json",
    "05_flip_results_csv",
    "06_flip_parquet",
    "07_flip_study_json",
    "08_flip_tuned",
    "09_flip_sweep",
    "10_x64_mala",
    "11_x64_nce",
    "12_same_hash",
    "13_nll_offset",
    "14_w2_scale",
    "15_unlike_scales_rubbish",
    "16_unlike_scales_negated",
    "17_mmd_float16",
    "18_columns_by_name",
    "19_collapsed_sample",
    "20_sample_steps",
    "21_diverged_fit_energy",
    "22_train_raw_data",
    "23_dataframe",
    "24_parquet_index",
    "25_no_home",
    "26_help_latin1",
    "27_ascii_output",
    "28_columns_20",
    "29_plugin_shape_error",
    "30_debug_nans_fit",
    "31_heavy_tails_noted",
    "32_fit_4_columns",
    "33_more_in_time",
    "34_many_seeds",
    "35_unlike_widths",
    "36_nearly_collinear",
    "bold_is_best",
    "fisher_checkerboard",
    "hmc_resonance",
    "kl_missing_high_dim",
    "ksd_checkerboard",
    "mean_mixes_kinds",
    "null_range_few_draws",
    "null_range_mark",
    "null_range_sizes",
    "quadrature_spike",
    "tune_cnce_default",
    "wasserstein_order3",
}


def names() -> list:
    return [
        pytest.param(
            path,
            id=path.stem,
            marks=() if path.stem in PASSING else pytest.mark.xfail(strict=True, reason="open"),
        )
        for path in CASES
    ]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A small finished study, which the cases of damaged files copy."""
    folder = tmp_path_factory.mktemp("faults") / "study"
    command = [sys.executable, "-m", "ebmark", "run", "smoke", "--methods", "gaussian"]
    command += ["--datasets", "half_moons", "--seeds", "2", "--jobs", "1", "--no-progress-bar"]
    subprocess.run([*command, "--out", str(folder)], check=True, capture_output=True)
    return folder


@pytest.mark.full
@pytest.mark.parametrize("path", names())
def test_fault_case(path, study):
    environment = os.environ | {
        "EBMARK": f"{sys.executable} -m ebmark",
        "EBMARK_PYTHON": sys.executable,
        "FAULTS_STUDY": str(study),
    }
    ended = subprocess.run(
        [sys.executable, str(path)], env=environment, capture_output=True, text=True, timeout=180
    )
    assert ended.returncode in (0, 1), ended.stderr
    assert ended.returncode == 0, ended.stdout.strip()
