"""Prints the rows of one loaded collection as JSON, read by pymilvus: arguments are host:port, database, collection."""

import json
import struct
import sys

from pymilvus import DataType, MilvusClient

address, database, name = sys.argv[1:]
client = MilvusClient(uri=f"http://{address}", db_name=database)
fields = {field["name"]: field for field in client.describe_collection(name)["fields"]}


def comparable(field, value):
    kind = fields[field]["type"] if field in fields else None
    if kind == DataType.INT64:
        return str(value)
    if kind == DataType.FLOAT_VECTOR:
        return struct.pack(f"<{len(value)}f", *value).hex()
    if kind == DataType.BINARY_VECTOR:
        return b"".join(value).hex()
    if kind == DataType.ARRAY:
        return list(value)
    return value


key = next(field for field in fields.values() if field.get("is_primary"))
everything = f'{key["name"]} >= ""' if key["type"] == DataType.VARCHAR else f'{key["name"]} >= -9223372036854775807'
rows = client.query(name, filter=everything, output_fields=["*", *fields], limit=16384, consistency_level="Strong")
rows.sort(key=lambda row: row[key["name"]])
json.dump([{field: comparable(field, value) for field, value in row.items()} for row in rows], sys.stdout)
