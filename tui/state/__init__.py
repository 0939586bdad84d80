"""What screens share: the runs on show, the keys, messages, exports, maps; no widgets."""
