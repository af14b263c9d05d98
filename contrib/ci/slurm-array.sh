#!/bin/bash
#SBATCH --job-name=chaos
#SBATCH --array=1-8
#SBATCH --cpus-per-task=2
#SBATCH --time=01:00:00
#SBATCH --output=chaos-%A-%a.txt
# slurm-array.sh: a seed sweep as a Slurm array, one shard a task.
#
#   sbatch contrib/ci/slurm-array.sh FILE.ini... --seeds 1-1000 [OPTION...] -- CMD ARG...
#   sbatch --array=1-100 contrib/ci/slurm-array.sh ...              100 shards instead of 8
#
# Arguments are those of `turncoat test`. Task N leaves its seeds' folders in
# $OUT/shard-N (OUT: ./turncoat-out), and its JUnit report as $OUT/shard-N.xml. A task fails
# as `turncoat test` does: 1 when a seed failed, 2 for an error, 3 when it was vacuous.
# TURNCOAT is the program.
set -euo pipefail

if [ -z "${SLURM_ARRAY_TASK_ID-}" ]; then
	echo "slurm-array.sh: not a task of an array: start it with sbatch" >&2
	exit 2
fi
first=${SLURM_ARRAY_TASK_MIN-1}
step=${SLURM_ARRAY_TASK_STEP-1}
shards=${SLURM_ARRAY_TASK_COUNT-${SLURM_ARRAY_TASK_MAX-1}}
# Arrays may begin anywhere and skip, shards count from 1.
shard=$(((SLURM_ARRAY_TASK_ID - first) / step + 1))
out=${OUT-turncoat-out}
mkdir -p "$out"

exec "${TURNCOAT-turncoat}" test --shard "$shard/$shards" \
	--jobs "${SLURM_CPUS_PER_TASK-1}" --out "$out/shard-$shard" \
	--junit "$out/shard-$shard.xml" "$@"
