"""How inputs are read and prepared: one file a modality, all behind `base.Modality`."""
