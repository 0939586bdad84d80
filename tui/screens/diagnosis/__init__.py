"""Why a run does as it does: its diagnoses (`engine.diagnosis`) and KL, a panel for each view."""
