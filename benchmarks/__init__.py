"""The figures of ``docs/performance.md``: each line measures the program and its reference in the same run."""
