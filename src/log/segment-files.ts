/** The segment files of a directory, for reading. */
import type { Disk } from '../kernel/disk.ts';
import { segmentName, segmentNumber } from './segment.ts';

/** Numbers of the segments in a directory, ascending; other files are not ours. */
export async function listSegments(disk: Disk, directory: string): Promise<number[]> {
  const numbers: number[] = [];
  for (const name of await disk.list(directory)) {
    const number = segmentNumber(name);
    if (number !== undefined) numbers.push(number);
  }
  return numbers.sort((left, right) => left - right);
}

/** All bytes of one segment. Limits: a segment, `segmentBytes` and one group. */
export async function readSegment(disk: Disk, directory: string, number: number): Promise<Buffer> {
  const file = await disk.open(`${directory}/${segmentName(number)}`, 'read');
  try {
    return await file.read(0, await file.size());
  } finally {
    await file.close();
  }
}
