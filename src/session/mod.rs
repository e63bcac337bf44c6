//! Who may speak: keys, sealing, replay windows, budgets. Pure.
