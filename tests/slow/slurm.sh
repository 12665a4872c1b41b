#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The Slurm example of docs/farm.md, word for word, on one node that is this machine: its daemons
# run here, under a configuration of their own, and end with the script.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

export SLURM_CONF=$tmp/slurm.conf
PATH=$build:$PATH:/usr/sbin

case_begin "an array of jobs, each a guest: all run, the results say which passed"
for tool in munged slurmctld slurmd sbatch; do
	[ -n "$(type -P $tool)" ] || { skip "no $tool here (slurm-wlm, munge)"; exit 0; }
done
[ "$(id -u)" = 0 ] || { skip "Slurm's daemons want root"; exit 0; }

# It resolves names only where there is an address besides 127.0.0.1; the bed has none.
[ -n "$(ip -4 -o addr show scope global)" ] || ip addr add 192.0.2.1/32 dev lo
node=$(hostname -s)
mkdir "$tmp"/{munge,state,spool}
chmod 755 "$tmp" "$tmp/munge"
head -c 128 /dev/urandom >"$tmp/munge/key"
chmod 600 "$tmp/munge/key"
cat >"$SLURM_CONF" <<-END
	ClusterName=one
	SlurmctldHost=$node(127.0.0.1)
	SlurmctldPort=0
	SlurmdPort=0
	SlurmUser=root
	AuthType=auth/munge
	AuthInfo=socket=$tmp/munge/socket
	CredType=cred/munge
	StateSaveLocation=$tmp/state
	SlurmdSpoolDir=$tmp/spool
	SlurmctldPidFile=$tmp/slurmctld.pid
	SlurmdPidFile=$tmp/slurmd.pid
	SlurmctldLogFile=$tmp/slurmctld.log
	SlurmdLogFile=$tmp/slurmd.log
	ProctrackType=proctrack/linuxproc
	TaskPlugin=task/none
	SelectType=select/cons_tres
	SelectTypeParameters=CR_Core_Memory
	SchedulerParameters=sched_interval=2,batch_sched_delay=1
	MpiDefault=none
	ReturnToService=2
	NodeName=$node NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=1300
	PartitionName=all Nodes=$node Default=YES State=UP
END
echo "CgroupPlugin=cgroup/v1" >"$tmp/cgroup.conf" # the one that does without, as the bed has none
# Two free ports: the kernel knows some.
read -r ctld slurmd < <(python3 -c 'import socket
s = [socket.create_server(("127.0.0.1", 0)) for i in range(2)]
print(*(i.getsockname()[1] for i in s))')
sed -i "s/^SlurmctldPort=.*/SlurmctldPort=$ctld/; s/^SlurmdPort=.*/SlurmdPort=$slurmd/" "$SLURM_CONF"
munged --force --foreground --key-file="$tmp/munge/key" --socket="$tmp/munge/socket" \
	--pid-file="$tmp/munge/pid" --log-file="$tmp/munge/log" --seed-file="$tmp/munge/seed" \
	>"$tmp/munged.out" 2>&1 &
daemons=$!
poll_until 20 test -S "$tmp/munge/socket"
slurmctld -D -f "$SLURM_CONF" >/dev/null 2>&1 &
daemons+=" $!"
slurmd -D -f "$SLURM_CONF" -N "$node" >/dev/null 2>&1 &
daemons+=" $!"
trap 'kill $daemons 2>/dev/null; wait $daemons; lib_exit' EXIT
poll_until 120 eval 'sinfo -h -o %T | grep -q idle' || {
	cat "$tmp/munged.out" "$tmp"/*.log >"$out"
	fail "the node does not come up: $(sinfo -h -o %T 2>&1)"
	exit 0
}

mkdir -p "$tmp/work/guests" "$tmp/work/results"
cd "$tmp/work" || exit
for name in hello32 hello64; do
	cp "$build/guests/$name.elf" guests/
done
for bits in 32 64; do
	printf 'image = hello%d.elf\nstatus = 33\nexpect = hello from %d bits\nmemory = 16M\n' \
		$bits $bits >guests/good$bits.test
done
printf 'image = hello32.elf\nstatus = 33\nexpect = hello from 128 bits\n' >guests/wrong.test
# The indented blocks of the section, without their indent.
sed -n '/^## Slurm/,/^## A container/s/^    //p' "$top/docs/farm.md" >example
sed -n '1,/^#!/{/^#!/!p}' example >submit
sed -n '/^#!/,$p' example >guests.sbatch
run bash -e submit
want_status 0
want_out "Submitted batch job"
poll_until 240 eval '[ -z "$(squeue -h)" ]' || {
	squeue >"$out"
	fail "the jobs do not end"
}
cat results/*.tap >"$out"
[ "$(grep -c '^ok 1 - .*good' "$out")" = 2 ] || fail "not two passed"
[ "$(grep -c '^not ok 1 - .*wrong' "$out")" = 1 ] || fail "the wrong one passed"
[ "$(grep -l 'tests="1" failures="0"' results/*.xml | wc -l)" = 2 ] || fail "JUnit of the good ones"
[ "$(grep -l 'tests="1" failures="1"' results/*.xml | wc -l)" = 1 ] || fail "JUnit of the wrong one"
cd /
