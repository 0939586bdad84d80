"""The report of one or several runs: facts, sentences that follow from them, two files.

`facts` is what the numbers are, `gather` computes them, `findings` says what follows from them,
`write` makes report.md, report.html and the figures. Jinja2, Markdown, matplotlib and
scikit-learn are imported when a report is written.
"""
