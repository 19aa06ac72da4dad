"""Print the page on coverage, level and power of the statistics.

python -m ebmark.statistics > docs/statistics/coverage.md
"""

from ebmark.statistics._coverage import page

if __name__ == "__main__":
    print(page())
