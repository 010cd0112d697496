"""Statements that are not in the notes: of this project, each with its proof or evidence in docs/theory.md.

One module a statement: `STATEMENT`, and `judge(results, factor=1.0)` as in `ntk_core.claims`. Its verdict is
what the statement stands on, or "false" where a number contradicts it:

- "proved": docs/theory.md has the proof, and every number agrees;
- "supported": an argument that is no full proof, with exact computations or runs that agree;
- "conjectured": no argument but evidence.
"""
