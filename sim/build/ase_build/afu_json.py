# SPDX-License-Identifier: BSD-3-Clause
"""An AFU's JSON description, and the headers afu_json_info.vh and .h that are made of it."""
import json
import re
import uuid
from dataclasses import dataclass

from .complaint import Complaint


@dataclass
class Afu:
    name: str
    uuid: uuid.UUID
    top: str       # the class of its interface; "" if none is named
    image: dict    # numbers and texts of afu-image
    memory_clock: str = ""  # of local memory; "" if none is named
    ccip_clock: str = ""    # the same of CCI-P


def read(path):
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise Complaint(f"{path}: {e}") from e
    image = part(description, "afu-image", dict, path)
    clusters = part(image, "accelerator-clusters", list, path, "afu-image.")
    if not clusters or not isinstance(clusters[0], dict):
        raise Complaint(f"{path}: afu-image.accelerator-clusters has no entry")
    where = "afu-image.accelerator-clusters[0]."
    name = part(clusters[0], "name", str, path, where)
    if not re.fullmatch(r"[\w .+-]+", name):
        raise Complaint(f"{path}: {where}name '{name}' has characters that no name has")
    text = part(clusters[0], "accelerator-type-uuid", str, path, where)
    try:
        who = uuid.UUID(text)
    except ValueError as e:
        raise Complaint(f"{path}: {where}accelerator-type-uuid '{text}' is no UUID") from e
    top = image.get("afu-top-interface", {})
    top = top if isinstance(top, dict) else {}
    numbers = {k: v for k, v in image.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
    return Afu(name, who, str(top.get("class", top.get("name", ""))), numbers,
               port_clock(top, "local-memory"), port_clock(top, "cci-p"))


def port_clock(top, kind):
    """Of the ports of the top module, which have settings of their own."""
    ports = top.get("module-ports", [])
    for port in ports if isinstance(ports, list) else []:
        if isinstance(port, dict) and port.get("class") == kind:
            settings = port.get("params", {})
            return str(settings.get("clock", "")) if isinstance(settings, dict) else ""
    return ""


def part(of, key, kind, path, where=""):
    value = of.get(key) if isinstance(of, dict) else None
    if not isinstance(value, kind):
        raise Complaint(f"{path}: {where}{key} is missing or of another type")
    return value


def image_names(afu):
    for key, value in sorted(afu.image.items()):
        yield "AFU_IMAGE_" + re.sub(r"\W", "_", key).upper(), value


def verilog_header(afu):
    lines = ["`ifndef AFU_JSON_INFO_VH", "`define AFU_JSON_INFO_VH"]
    lines += [f"`define {name} {value}" for name, value in image_names(afu)]
    lines += [f'`define AFU_TOP_IFC "{afu.top}"',
              f'`define AFU_ACCEL_NAME "{afu.name}"', f'`define AFU_ACCEL_NAME0 "{afu.name}"',
              f"`define AFU_ACCEL_UUID 128'h{afu.uuid.hex}", f"`define AFU_ACCEL_UUID0 128'h{afu.uuid.hex}",
              "`endif", ""]
    return "\n".join(lines)


def c_header(afu):
    who = str(afu.uuid).upper()
    lines = ["#ifndef AFU_JSON_INFO_H", "#define AFU_JSON_INFO_H"]
    lines += [f"#define {name} {value}" for name, value in image_names(afu)]
    lines += [f'#define AFU_TOP_IFC "{afu.top}"',
              f'#define AFU_ACCEL_NAME "{afu.name}"', f'#define AFU_ACCEL_NAME0 "{afu.name}"',
              f'#define AFU_ACCEL_UUID "{who}"', f'#define AFU_ACCEL_UUID0 "{who}"', "#endif", ""]
    return "\n".join(lines)
