"""Stages that scripts share: settings -> plan -> scores -> cut -> correction -> judged map -> reports, run record."""
