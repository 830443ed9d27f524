"""The stages of a migration, one file each; their order is `appliance.pipeline`'s."""
