"""Speed of ebmark, torchebm and ebmkit, measured side by side: `python -m benchmarks`."""
