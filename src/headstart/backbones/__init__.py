"""Pretrained networks as ordered stages: one file a source, all giving a `base.Backbone`."""
