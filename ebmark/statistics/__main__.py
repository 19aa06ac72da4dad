"""What the intervals and tests do on simulated seeds of known truth.

python -m ebmark.statistics > docs/statistics/coverage.md
"""

from ebmark.statistics._coverage import page

if __name__ == "__main__":
    print(page())
