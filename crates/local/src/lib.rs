//! The whole cloud in one process, from template.yaml.
