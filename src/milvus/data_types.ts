/** schemapb.DataType, as far as the program tells types apart; all others pass through as numbers. */

export const DATA_TYPE = {
  Bool: 1,
  Int8: 2,
  Int16: 3,
  Int32: 4,
  Int64: 5,
  Float: 10,
  Double: 11,
  VarChar: 21,
  Array: 22,
  JSON: 23,
  BinaryVector: 100,
  FloatVector: 101,
  Float16Vector: 102,
  BFloat16Vector: 103,
  SparseFloatVector: 104,
  Int8Vector: 105,
  ArrayOfVector: 106,
} as const;

/** Vector types are numbered from 100 to 199, lists of vectors among them; structs begin at 200. */
export function isVectorType(dataType: number): boolean {
  return dataType >= DATA_TYPE.BinaryVector && dataType < 200;
}
