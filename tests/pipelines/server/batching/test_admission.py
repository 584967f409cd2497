"""How much a server accepts at once, and what it says to the rest."""

import pytest
from bicross.pipelines.server.batching import Admission, ClientLeft, DeadlinePassed, QueueFull, ServerStopping, Ticket


def test_requests_are_accepted_up_to_the_tokens_of_the_queue():
    admission = Admission(100, 10)
    with admission.admitted(60), admission.admitted(40):
        assert (admission.tokens, admission.requests) == (100, 2)
        with pytest.raises(QueueFull), admission.admitted(1):
            pass
    assert (admission.tokens, admission.requests) == (0, 0)


def test_a_request_larger_than_the_queue_is_accepted_alone():
    admission = Admission(100, 10)
    with admission.admitted(5000), pytest.raises(QueueFull), admission.admitted(1):
        pass
    with admission.admitted(1), pytest.raises(QueueFull), admission.admitted(5000):
        pass


def test_requests_are_counted_too():
    admission = Admission(100, 1)
    with admission.admitted(0), pytest.raises(QueueFull), admission.admitted(0):
        pass


@pytest.mark.parametrize(("pace", "seconds"), [(0.0, 1), (1000.0, 1), (10.0, 5), (0.01, 60)])
def test_who_is_refused_is_told_when_half_of_the_queue_will_be_done(pace, seconds):
    admission = Admission(100, 10, pace=lambda: pace)
    refused = pytest.raises(QueueFull, match=f"try again in {seconds} s")
    with admission.admitted(100), refused as refused, admission.admitted(1):
        pass
    assert refused.value.retry_after == seconds


def test_what_was_accepted_goes_on_after_a_stop():
    admission = Admission(100, 10)
    with admission.admitted(1):
        admission.stop()
        assert admission.stopping
        assert not admission.wait_until_idle(0.0)
        with pytest.raises(ServerStopping), admission.admitted(1):
            pass
    assert admission.wait_until_idle(0.0)


def test_a_failed_request_gives_its_tokens_back():
    admission = Admission(100, 10)
    with pytest.raises(KeyError), admission.admitted(100):
        raise KeyError
    assert admission.tokens == 0


def test_a_ticket_ends_at_its_deadline_or_with_its_client():
    now = [0.0]
    with Admission(1, 1, clock=lambda: now[0]).admitted(1, seconds=2.0) as ticket:
        ticket.check()
        now[0] = 1.5
        assert ticket.remaining == 0.5
        now[0] = 2.0
        with pytest.raises(DeadlinePassed):
            ticket.check()
    gone = Ticket()
    errors = []
    with gone.telling(errors.append):
        gone.leave()
    with pytest.raises(ClientLeft):
        gone.check()
    assert [type(reason) for reason in errors] == [ClientLeft]
