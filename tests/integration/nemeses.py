"""What happens to a cluster while clients write down what it answers (cluster_linear_test.py): each hurts
it once, and leaves it whole. `run` has the dice, `cluster` is a ClusterNodes, `ended` is set when the
clients are done; run.wait_until_served() notes how long it took until nodes served again."""
NODES = 3
MEMBERS = 3
WAYS = (("there", "back"), ("there",), ("back",))
QUOTA_BYTES = 24 << 20  # Of etcd, where it is to be full.
JUNK_BYTES = 1 << 20
SKEW_SECONDS = 600  # Of S3's 15 minutes.


def nothing(_run, _cluster, _ended):
    pass


def some_member(run, cluster):
    """Any, the leader more often than not."""
    leader = cluster.etcd.leader()
    return leader if leader is not None and run.dice.random() < 0.6 else run.dice.randrange(MEMBERS)


def kill_members(run, cluster, ended):
    member = some_member(run, cluster)
    cluster.etcd.kill(member)
    ended.wait(1 + run.dice.random() * 2)
    cluster.etcd.start(member)
    ended.wait(2)


def kill_leader(run, cluster, ended):
    member = cluster.etcd.leader()
    if member is None:
        return
    cluster.etcd.kill(member)
    run.wait_until_served(ended)  # Two of three are a quorum.
    cluster.etcd.start(member)
    ended.wait(2)


def pause_members(run, cluster, ended):
    member = some_member(run, cluster)
    cluster.etcd.pause(member)
    ended.wait(0.1 + run.dice.random() * 4)
    cluster.etcd.resume(member)
    ended.wait(1)


def lose_quorum(run, cluster, ended):
    """Two of three members stop or are killed."""
    members = run.dice.sample(range(MEMBERS), 2)
    hurt, mend = run.dice.choice([(cluster.etcd.pause, cluster.etcd.resume),
                                  (cluster.etcd.kill, cluster.etcd.start)])
    for member in members:
        hurt(member)
    ended.wait(2 + run.dice.random() * 3)
    for member in members:
        mend(member)
    cluster.etcd.wait_for_quorum()
    run.wait_until_served(ended)
    ended.wait(1)


def split_members(run, cluster, ended):
    """A member, the leader more often than not, and the others lose each other; nodes reach all."""
    if not cluster.network.can_split_members:
        return pause_members(run, cluster, ended)
    cluster.network.split_member(some_member(run, cluster))
    ended.wait(1 + run.dice.random() * 3)
    cluster.heal()
    run.wait_until_served(ended)
    return ended.wait(1)


def pause_nodes(run, cluster, ended):
    number = run.dice.randrange(NODES)
    cluster.pause(number)
    ended.wait(0.1 + run.dice.random() * 4)
    cluster.resume(number)
    run.wait_until_served(ended)


def kill_nodes(run, cluster, ended):
    """kill -9 in the middle of whatever it does: commits, links of chunks that others wrote, GC."""
    number = run.dice.randrange(NODES)
    cluster.nodes[number].kill()
    ended.wait(run.dice.random())
    cluster.nodes[number].start()
    ended.wait(0.5)


def cut_etcd(run, cluster, ended):
    """A node is cut off from etcd, both ways or one; now and then what it misses is compacted away."""
    number = run.dice.randrange(NODES)
    cluster.cut(number, "etcd", ways=run.dice.choice(WAYS))
    ended.wait(0.5 + run.dice.random() * 3)
    if run.dice.random() < 0.6:
        cluster.etcd.compact()
        cluster.network.lose(number)
    ended.wait(0.3)
    cluster.heal(number)
    run.wait_until_served(ended)
    ended.wait(1)


def flap(run, cluster, ended, what="etcd"):
    """Now reached, now not, many times."""
    number = run.dice.randrange(NODES)
    for _ in range(run.dice.randrange(4, 12)):
        cluster.cut(number, what, ways=run.dice.choice(WAYS))
        ended.wait(0.02 + run.dice.random() * 0.4)
        cluster.heal(number)
        ended.wait(0.02 + run.dice.random() * 0.4)
    run.wait_until_served(ended)


def cut_home(run, cluster, ended):
    if run.dice.random() < 0.3:
        return flap(run, cluster, ended, "home")
    number = run.dice.randrange(NODES)
    cluster.cut(number, "home", ways=run.dice.choice(WAYS))
    ended.wait(0.5 + run.dice.random() * 4)
    cluster.heal(number)
    run.wait_until_served(ended)
    return ended.wait(1)


def cut_peers(run, cluster, ended):
    if run.dice.random() < 0.3:
        return flap(run, cluster, ended, "peers")
    number = run.dice.randrange(NODES)
    cluster.cut(number, "peers", ways=run.dice.choice(WAYS))
    # Its clients need no peers.
    run.wait_until_served(ended)
    ended.wait(0.5 + run.dice.random() * 4)
    cluster.heal(number)
    return ended.wait(0.5)


def fill_etcd(run, cluster, ended):
    """NOSPACE: etcd takes writes no more until there is room, and its alarm is taken back."""
    cluster.etcd.fill(JUNK_BYTES, 2 * QUOTA_BYTES // JUNK_BYTES)
    refused = sum(status == 507 for _, status, _ in run.recorder.refusals)
    reads = run.recorder.outcomes.get(("read", "done"), 0)
    if not ended.wait(3):
        run.full.append((sum(status == 507 for _, status, _ in run.recorder.refusals) - refused,
                         run.recorder.outcomes.get(("read", "done"), 0) - reads))
    cluster.etcd.make_room()
    run.wait_until_served(ended)
    ended.wait(1)


def skew_clocks(run, cluster, ended):
    """Every node has another time, and now and then they jump."""
    for clock in run.clocks:
        clock.shift(run.dice.randrange(-SKEW_SECONDS, SKEW_SECONDS))
    # What is timed by them is at work: garbage is dropped, holds and tenures go on.
    ended.wait(1 + run.dice.random() * 2)


def everything(run, cluster, ended):
    run.dice.choice([kill_members, pause_members, split_members, pause_nodes, kill_nodes, cut_etcd, flap,
                     cut_home])(run, cluster, ended)
