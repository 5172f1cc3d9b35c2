"""Writes what CloudFormation makes of a SAM template: `expand_template.py <template> <output>`.

checkov reads the policies inside of an AWS::Serverless::Function not at all; in the expanded template they are roles.
"""

import json
import logging
import os
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")

from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402


class NoManagedPolicies:
    """SAM asks an account for the managed policies that it may name; the ARNs of those that it needs are known to it."""

    def load(self):
        return {}


def main(template, output):
    # Which experiments of SAM's own deployment are off.
    logging.disable(logging.WARNING)
    with open(template, encoding="utf-8") as file:
        document = yaml_parse(file.read())
    if "Transform" in document:
        # What `sam deploy` does first: packages are uploaded, and named by where they are.
        for resource in document["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function":
                resource["Properties"]["CodeUri"] = "s3://packages/" + resource["Properties"]["CodeUri"]
        # No parameter has its value here: conditions and references stay as they are.
        document = transform(document, {}, NoManagedPolicies(), passthrough_metadata=True)
    with open(output, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=2)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
