"""ebmark against torchebm and ebmkit, measured side by side: `python -m benchmarks`."""
