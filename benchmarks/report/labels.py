"""What the benchmark pages call things."""

LIBRARIES = ("ebmark", "torchebm", "ebmkit")
WHAT = {
    "step/cd-20": "training step, CD of 20 Langevin steps",
    "step/pcd-20": "training step, PCD of 20, buffer of 8,192",
    "step/dsm": "training step, DSM",
    "step/nce": "training step, NCE, one noise point a datum",
    "langevin": "10,000 chains of 500 Langevin steps",
    "mmd/2000": "MMD of 2,000 points (ebmark: several widths)",
    "log_z": "log Z in the plane (ebmark: with the density metrics)",
    "w2/2000": "exact W2 of 2,000 points",
    "w2/10000": "exact W2 of 10,000 points",
}
