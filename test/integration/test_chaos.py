"""Two minutes of everything at once, from a seed of its own each time (./dev chaos: longer)."""

import random

from chaos import STEADY, Chaos, OwnClock, SmallDisk, numbers_in


def test_a_node_survives_everything_that_happens_to_it(cluster):
    # Spec: pod/23/adopt, pod/23/unfinished, pod/23/runtime-restart, pod/28/missing-information
    seed = random.SystemRandom().randrange(1 << 32)
    said = [f"seed {seed}"]
    try:
        with SmallDisk(cluster), OwnClock(cluster) as clock:
            Chaos(cluster, clock, seed, said.append).run(120)
            cluster.ctl("delete", "daemonset", *STEADY, timeout=120)
    except BaseException:
        print("\n".join(said))
        raise


def test_lines_of_a_log_are_counted(tmp_path):
    log = tmp_path / "0.log"
    log.write_text("2026-01-01T00:00:00Z stdout F line 1\n2026-01-01T00:00:00Z stdout P line 2\n"
                   "2026-01-01T00:00:00Z stdout F line 23\n")
    assert numbers_in(log) == [1, 23]
