import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.VersionedValue;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/**
 * Curator's recipes against the server whose address is the argument. Prints "OK name" for each that
 * holds. What must befall the server it asks for by a line "ASK what", and goes on when a line comes back.
 */
public class Recipes {
    static final int PATIENCE_MS = 30_000;
    static final BufferedReader ANSWERS = new BufferedReader(new InputStreamReader(System.in));

    interface Recipe {
        void run(CuratorFramework one, CuratorFramework other) throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        try (CuratorFramework one = connect(arguments[0]); CuratorFramework other = connect(arguments[0])) {
            hold("mutex", Recipes::mutex, one, other);
            hold("leader latch", Recipes::leaderLatch, one, other);
            hold("persistent node", Recipes::persistentNode, one, other);
            hold("cache", Recipes::cache, one, other);
            hold("shared count", Recipes::sharedCount, one, other);
            hold("queue", Recipes::queue, one, other);
            hold("double barrier", Recipes::doubleBarrier, one, other);
            hold("transaction", Recipes::transaction, one, other);
            hold("kinds of nodes", Recipes::kinds, one, other);
        }
        System.out.println("END");
        System.exit(0);
    }

    static CuratorFramework connect(String address) throws Exception {
        CuratorFramework client = CuratorFrameworkFactory.newClient(address, 10_000, 10_000, new RetryNTimes(100, 50));
        client.start();
        client.blockUntilConnected();
        return client;
    }

    static void hold(String name, Recipe recipe, CuratorFramework one, CuratorFramework other) {
        try {
            recipe.run(one, other);
            System.out.println("OK " + name);
        } catch (Throwable problem) {
            System.out.println("FAILED " + name + ": " + problem);
            problem.printStackTrace(System.out);
        }
    }

    static void ask(String what) throws Exception {
        System.out.println("ASK " + what);
        ANSWERS.readLine();
    }

    static void askToExpire(CuratorFramework client) throws Exception {
        ZooKeeper session = client.getZookeeperClient().getZooKeeper();
        ask("expire " + session.getSessionId() + " " + HexFormat.of().formatHex(session.getSessionPasswd()));
    }

    static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    static void await(String what, BooleanSupplier becomesTrue) throws Exception {
        long end = System.nanoTime() + PATIENCE_MS * 1_000_000L;
        while (!becomesTrue.getAsBoolean()) {
            check(System.nanoTime() < end, "waited too long: " + what);
            Thread.sleep(5);
        }
    }

    /** Runs a task for each client at once, and fails with the first that fails. */
    static void together(Recipe task, CuratorFramework one, CuratorFramework other) throws Exception {
        List<Throwable> problems = new ArrayList<>();
        List<Thread> threads = new ArrayList<>();
        for (CuratorFramework client : List.of(one, other)) {
            Thread thread = new Thread(() -> {
                try {
                    task.run(client, client);
                } catch (Throwable problem) {
                    synchronized (problems) {
                        problems.add(problem);
                    }
                }
            });
            thread.start();
            threads.add(thread);
        }
        for (Thread thread : threads) {
            thread.join(PATIENCE_MS);
            check(!thread.isAlive(), "a thread hangs");
        }
        if (!problems.isEmpty()) {
            throw new AssertionError(problems.get(0));
        }
    }

    static int number(CuratorFramework client, String path) throws Exception {
        return Integer.parseInt(new String(client.getData().forPath(path)));
    }

    static void mutex(CuratorFramework one, CuratorFramework other) throws Exception {
        one.create().creatingParentsIfNeeded().forPath("/mutex/counter", "0".getBytes());
        together((client, same) -> {
            InterProcessMutex mutex = new InterProcessMutex(client, "/mutex/lock");
            for (int round = 0; round < 25; round++) {
                check(mutex.acquire(PATIENCE_MS, TimeUnit.MILLISECONDS), "no lock");
                try {
                    // Nothing but the lock guards this.
                    int next = number(client, "/mutex/counter") + 1;
                    client.setData().forPath("/mutex/counter", String.valueOf(next).getBytes());
                } finally {
                    mutex.release();
                }
            }
        }, one, other);

        check(number(one, "/mutex/counter") == 50, "the lock was held by two");
    }

    static void leaderLatch(CuratorFramework one, CuratorFramework other) throws Exception {
        try (LeaderLatch first = new LeaderLatch(one, "/latch", "first");
                LeaderLatch second = new LeaderLatch(other, "/latch", "second")) {
            first.start();
            check(first.await(PATIENCE_MS, TimeUnit.MILLISECONDS), "the first does not lead");
            second.start();
            await("both take part", () -> participants(second) == 2);
            check(!second.hasLeadership(), "both lead");

            askToExpire(one);

            check(second.await(PATIENCE_MS, TimeUnit.MILLISECONDS), "the second does not follow");
            check(second.getLeader().getId().equals("second"), "another leads");
            await("the first takes part again", () -> participants(second) == 2);
            check(!first.hasLeadership(), "the first leads again");
        }
    }

    static int participants(LeaderLatch latch) {
        try {
            return latch.getParticipants().size();
        } catch (Exception unreachable) {
            return -1;
        }
    }

    static void persistentNode(CuratorFramework one, CuratorFramework other) throws Exception {
        try (PersistentNode node =
                new PersistentNode(one, CreateMode.EPHEMERAL, false, "/persistent/node", "mine".getBytes())) {
            node.start();
            check(node.waitForInitialCreate(PATIENCE_MS, TimeUnit.MILLISECONDS), "it does not come");
            long owner = owner(other, "/persistent/node");

            askToExpire(one);

            await("it comes back", () -> owner(other, "/persistent/node") > 0
                    && owner(other, "/persistent/node") != owner);
            check(new String(other.getData().forPath("/persistent/node")).equals("mine"), "its data is lost");
            other.delete().forPath("/persistent/node");
            await("it comes back from a deletion", () -> owner(other, "/persistent/node") > 0);
        }
        check(owner(other, "/persistent/node") == -1, "it outlives its end");
    }

    static long owner(CuratorFramework client, String path) {
        try {
            Stat stat = client.checkExists().forPath(path);
            return stat == null ? -1 : stat.getEphemeralOwner();
        } catch (Exception unreachable) {
            return -2;
        }
    }

    static void cache(CuratorFramework one, CuratorFramework other) throws Exception {
        Random dice = new Random(1);
        one.create().forPath("/cache");
        try (CuratorCache cache = CuratorCache.build(one, "/cache")) {
            AtomicInteger changes = new AtomicInteger();
            cache.listenable().addListener((type, before, now) -> changes.incrementAndGet());
            cache.start();
            for (int step = 0; step < 600; step++) {
                if (step % 200 == 100) {
                    ask("restart");
                }
                change(dice, other);
            }
            Map<String, String> expected = new TreeMap<>();
            walk(other, "/cache", expected);
            await("the cache is as the tree", () -> contents(cache).equals(expected));
            check(expected.size() > 5, "there was little to follow");
            check(changes.get() > 100, "the cache was told little");
        }
    }

    static void change(Random dice, CuratorFramework client) throws Exception {
        String path = "/cache/" + dice.nextInt(5) + (dice.nextBoolean() ? "" : "/" + dice.nextInt(5));
        byte[] data = String.valueOf(dice.nextInt()).getBytes();
        switch (dice.nextInt(5)) {
            case 0 -> client.delete().quietly().deletingChildrenIfNeeded().forPath(path);
            default -> client.create().orSetData().creatingParentsIfNeeded().forPath(path, data);
        }
    }

    static Map<String, String> contents(CuratorCache cache) {
        Map<String, String> found = new TreeMap<>();
        cache.stream().forEach(node ->
                found.put(node.getPath(), node.getStat().getMzxid() + " " + new String(node.getData())));
        return found;
    }

    static void walk(CuratorFramework client, String path, Map<String, String> found) throws Exception {
        Stat stat = new Stat();
        byte[] data = client.getData().storingStatIn(stat).forPath(path);
        found.put(path, stat.getMzxid() + " " + new String(data));
        for (String name : client.getChildren().forPath(path)) {
            walk(client, path + "/" + name, found);
        }
    }

    static void sharedCount(CuratorFramework one, CuratorFramework other) throws Exception {
        together((client, same) -> {
            try (SharedCount count = new SharedCount(client, "/count", 0)) {
                count.start();
                for (int round = 0; round < 20; round++) {
                    VersionedValue<Integer> seen;
                    do {
                        seen = count.getVersionedValue();
                    } while (!count.trySetCount(seen, seen.getValue() + 1));
                }
            }
        }, one, other);
        try (SharedCount count = new SharedCount(one, "/count", 0)) {
            count.start();
            check(count.getCount() == 40, "it counted " + count.getCount());
            try (SharedCount watching = new SharedCount(other, "/count", 0)) {
                watching.start();
                count.setCount(7);
                await("the other sees it", () -> watching.getCount() == 7);
            }
        }
    }

    static void queue(CuratorFramework one, CuratorFramework other) throws Exception {
        SimpleDistributedQueue sender = new SimpleDistributedQueue(one, "/queue");
        SimpleDistributedQueue receiver = new SimpleDistributedQueue(other, "/queue");
        Thread sending = new Thread(() -> {
            for (int item = 0; item < 30; item++) {
                try {
                    sender.offer(String.valueOf(item).getBytes());
                } catch (Exception problem) {
                    return;
                }
            }
        });
        sending.start();

        for (int item = 0; item < 30; item++) {
            byte[] taken = receiver.poll(PATIENCE_MS, TimeUnit.MILLISECONDS);
            check(taken != null, "item " + item + " is lost");
            check(Integer.parseInt(new String(taken)) == item, "they come in another order");
        }
        sending.join(PATIENCE_MS);
        check(receiver.poll() == null, "one came twice");
    }

    static void doubleBarrier(CuratorFramework one, CuratorFramework other) throws Exception {
        AtomicInteger inside = new AtomicInteger();
        together((client, same) -> {
            DistributedDoubleBarrier barrier = new DistributedDoubleBarrier(client, "/barrier", 2);
            inside.incrementAndGet();
            check(barrier.enter(PATIENCE_MS, TimeUnit.MILLISECONDS), "nobody enters");
            check(inside.get() == 2, "one entered alone");
            check(barrier.leave(PATIENCE_MS, TimeUnit.MILLISECONDS), "nobody leaves");
        }, one, other);
    }

    static void transaction(CuratorFramework one, CuratorFramework other) throws Exception {
        var results = one.transaction().forOperations(
                one.transactionOp().create().forPath("/batch"),
                one.transactionOp().create().withMode(CreateMode.PERSISTENT_SEQUENTIAL).forPath("/batch/n-"),
                one.transactionOp().setData().withVersion(0).forPath("/batch", "x".getBytes()),
                one.transactionOp().check().withVersion(1).forPath("/batch"));
        check(results.get(1).getResultPath().equals("/batch/n-0000000000"), "the path: " + results.get(1));
        check(results.get(2).getResultStat().getVersion() == 1, "the version: " + results.get(2));

        try {
            one.transaction().forOperations(
                    one.transactionOp().create().forPath("/batch/undone"),
                    one.transactionOp().delete().forPath("/batch/none"));
            check(false, "it succeeds");
        } catch (KeeperException.NoNodeException expected) {
            var codes = expected.getResults();
            check(codes.size() == 2, "results: " + codes.size());
        }
        check(other.checkExists().forPath("/batch/undone") == null, "the first half was done");
    }

    static void kinds(CuratorFramework one, CuratorFramework other) throws Exception {
        one.create().creatingParentContainersIfNeeded().forPath("/container/child");
        one.delete().forPath("/container/child");
        await("the container is swept", () -> owner(other, "/container") == -1);
        one.create().withTtl(100).withMode(CreateMode.PERSISTENT_WITH_TTL).forPath("/short-lived");
        await("the TTL node is swept", () -> owner(other, "/short-lived") == -1);
        one.create().withProtection().withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath("/protected-");
        check(other.getChildren().forPath("/").stream().anyMatch(name -> name.startsWith("_c_")), "not protected");
    }
}
