"""Control-flow graphs, and the fixed points that are solved over them.

    if rows:                  Test rows ──true──▶ Call save ──▶ End
        save(rows)                 └──false──────────────────────▲

`cfg.Graph` is the graph of one function; `cfg` shows it with exceptions and `finally`. `solver` follows facts along its
edges, `interprocedural` combines the summaries of functions that call each other. Not modelled: signals, MemoryError,
threads that change a variable meanwhile, and exceptions of attributes and operators.
"""
