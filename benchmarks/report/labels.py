"""Names of libraries and benchmarks on the page and in the figure."""

LIBRARIES = ("ebmark", "torchebm", "ebmkit")
BENCHMARK_TITLES = {
    "step/cd-20": "update, CD with 20 Langevin steps",
    "step/pcd-20": "update, PCD with 20 Langevin steps, buffer of 8,192",
    "step/dsm": "update, DSM",
    "step/nce": "update, NCE, one noise sample per data point",
    "langevin": "10,000 chains, 500 Langevin steps",
    "mmd/2000": "MMD, 2,000 samples (ebmark: several kernel widths)",
    "log_z": "log Z in 2-D (ebmark: with the density metrics)",
    "w2/2000": "exact W2, 2,000 samples",
    "w2/10000": "exact W2, 10,000 samples",
}
